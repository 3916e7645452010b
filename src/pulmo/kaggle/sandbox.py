"""An environment like Kaggle's machine: `/kaggle/input` read-only, `/kaggle/working` empty, no network.

Where the system allows it, the kernel runs in separate namespaces (`unshare`) with a separate root: local paths do not
exist there, and the network is unreachable. Elsewhere a folder replaces `/kaggle` and Python refuses to open sockets;
reading local paths and writing to the inputs go unnoticed then.
"""

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

_UNSHARE = ("unshare", "--user", "--map-root-user", "--mount", "--net", "--pid", "--fork", "--kill-child")
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc", "/sys")
_VENV = "/venv"

_NO_SOCKETS = '''\
"""On the path of a rehearsed kernel and its children: no network, as on Kaggle."""

import errno
import socket


class _OfflineSocket(socket.socket):
    def connect(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6):
            raise OSError(errno.ENETUNREACH, "Network is unreachable")
        return super().connect(address)

    def connect_ex(self, address):
        return errno.ENETUNREACH if self.family in (socket.AF_INET, socket.AF_INET6) else super().connect_ex(address)


def _no_address(*_, **__):
    raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


socket.socket, socket.getaddrinfo = _OfflineSocket, _no_address
'''


class SandboxConfig(NamedTuple):
    """Files and environment of a rehearsed kernel.

    Attributes:
        folder: an empty folder for `working`, `tmp` and the sandbox's own files.
        script: the built kernel.
        inputs: the folder mounted at each path below `/kaggle/input`.
        venv: the virtual environment it runs in.
        python_prefix: the installation folder of that environment's interpreter.
        variables: additional environment variables.
    """

    folder: Path
    script: Path
    inputs: Mapping[str, Path]
    venv: Path
    python_prefix: Path
    variables: Mapping[str, str]

    @property
    def working(self) -> Path:
        """The folder that the kernel finds as `/kaggle/working`."""
        return self.folder / "kaggle" / "working"

    @property
    def temporary(self) -> Path:
        """The folder that the kernel finds as `/tmp`."""
        return self.folder / "tmp"


def has_namespaces() -> bool:
    """Whether this system permits unprivileged namespaces."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*_UNSHARE, "true"], capture_output=True, check=False).returncode == 0


def start(config: SandboxConfig, log: Path, namespaces: bool) -> subprocess.Popen[bytes]:
    """Start the kernel, with its output redirected to `log`."""
    config.working.mkdir(parents=True)
    config.temporary.mkdir()
    command, variables = _with_namespaces(config) if namespaces else _without_namespaces(config)
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "KAGGLE_KERNEL_RUN_TYPE": "Batch"}
    with log.open("wb") as file:
        return subprocess.Popen(
            command,
            cwd=config.working,
            env={**environment, **variables, **config.variables},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _with_namespaces(config: SandboxConfig) -> tuple[list[str], dict[str, str]]:
    """Command and environment with a separate root, whose mounts end with the last process."""
    root = config.folder / "root"
    root.mkdir()
    read_only = {place: Path(place) for place in _SYSTEM if Path(place).exists()}
    read_only |= {_VENV: config.venv, "/kaggle/src/kernel.py": config.script}
    read_only |= {f"/kaggle/input/{name}": path for name, path in config.inputs.items()}
    if not str(config.python_prefix).startswith("/usr"):
        read_only[str(config.python_prefix)] = config.python_prefix
    writable = {"/kaggle/working": config.working, "/tmp": config.temporary, "/dev": Path("/dev")}
    lines = ["set -eu", f"mount -t tmpfs tmpfs {_quoted(root)}"]
    for place, path in {**read_only, **writable}.items():
        lines += _bind(root, place, path, place in read_only)
    run = f"cd /kaggle/working && exec {_VENV}/bin/python /kaggle/src/kernel.py"
    lines += [
        f"mkdir -p {_quoted(root / 'proc')} && mount -t proc proc {_quoted(root / 'proc')}",
        # Not `exec`: as the first process of its namespace, the kernel would ignore signals.
        f"chroot {_quoted(root)} /bin/sh -c {_quoted(run)} || exit $?",
        "exit 0",
    ]
    return [*_UNSHARE, "sh", "-c", "\n".join(lines)], {"HOME": "/tmp", "TMPDIR": "/tmp"}


def _bind(root: Path, place: str, path: Path, read_only: bool) -> list[str]:
    target = Path(f"{root}{place}")
    if path.is_symlink() and place in _SYSTEM:  # /bin → usr/bin
        return [f"ln -s {_quoted(str(path.readlink()))} {_quoted(target)}"]
    made = f"mkdir -p {_quoted(target)}"
    if path.is_file():
        made = f"mkdir -p {_quoted(target.parent)} && touch {_quoted(target)}"
    lines = [made, f"mount --rbind {_quoted(path.resolve())} {_quoted(target)}"]
    if read_only:
        lines.append(f"mount -o remount,bind,ro {_quoted(target)}")
    return lines


def _without_namespaces(config: SandboxConfig) -> tuple[list[str], dict[str, str]]:
    """Command and environment with a folder in place of `/kaggle`, without sockets."""
    kaggle = config.folder / "kaggle"
    for name, path in config.inputs.items():
        (kaggle / "input" / name).parent.mkdir(parents=True, exist_ok=True)
        (kaggle / "input" / name).symlink_to(path.resolve())
    guard = config.folder / "guard"
    guard.mkdir()
    (guard / "sitecustomize.py").write_text(_NO_SOCKETS)
    variables = {"PULMO_KAGGLE_ROOT": kaggle, "PYTHONPATH": guard, "HOME": config.temporary, "TMPDIR": config.temporary}
    command = [str(config.venv.absolute() / "bin" / "python"), str(config.script.absolute())]
    return command, {name: str(path.absolute()) for name, path in variables.items()}


def _quoted(path: str | Path) -> str:
    return shlex.quote(str(Path(path).absolute() if isinstance(path, Path) else path))
