"""A place like Kaggle's machine: `/kaggle/input` read-only, `/kaggle/working` fresh, no network, nothing else of ours.

Where the system allows it, that is a root of its own in namespaces of its own (`unshare`): absolute paths of this
machine are not there, and there is no network to reach. Elsewhere, a folder stands for `/kaggle`, and Python refuses
to open sockets; absolute paths and writing to the inputs are not noticed then.
"""

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

_ALONE = ("unshare", "--user", "--map-root-user", "--mount", "--net", "--pid", "--fork", "--kill-child")
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc", "/sys")
_VENV = "/venv"

_NO_SOCKETS = '''\
"""Put on the path of a rehearsed kernel and its children: Kaggle has no network for them."""

import errno
import socket


class _Deaf(socket.socket):
    def connect(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6):
            raise OSError(errno.ENETUNREACH, "Network is unreachable")
        return super().connect(address)

    def connect_ex(self, address):
        return errno.ENETUNREACH if self.family in (socket.AF_INET, socket.AF_INET6) else super().connect_ex(address)


def _no_address(*_, **__):
    raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


socket.socket, socket.getaddrinfo = _Deaf, _no_address
'''


class SandboxConfig(NamedTuple):
    """What a kernel shall find.

    Attributes:
        folder: one of the rehearsal's own, empty: it gets `working`, `tmp` and what the sandbox itself needs.
        script: the built kernel.
        inputs: what is mounted where below `/kaggle/input`.
        venv: the environment it runs in.
        python_prefix: where that environment's interpreter is installed.
        variables: of the environment, besides the usual.
    """

    folder: Path
    script: Path
    inputs: Mapping[str, Path]
    venv: Path
    python_prefix: Path
    variables: Mapping[str, str]

    @property
    def working(self) -> Path:
        """What is `/kaggle/working` to the kernel."""
        return self.folder / "kaggle" / "working"

    @property
    def temporary(self) -> Path:
        """What is `/tmp` to the kernel."""
        return self.folder / "tmp"


def has_namespaces() -> bool:
    """Whether this system lets its users have namespaces."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*_ALONE, "true"], capture_output=True, check=False).returncode == 0


def start(scene: SandboxConfig, log: Path, namespaces: bool) -> subprocess.Popen[bytes]:
    """Start the kernel; what it says goes to `log`."""
    scene.working.mkdir(parents=True)
    scene.temporary.mkdir()
    words, variables = _alone(scene) if namespaces else _aside(scene)
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "KAGGLE_KERNEL_RUN_TYPE": "Batch"}
    with log.open("wb") as file:
        return subprocess.Popen(
            words,
            cwd=scene.working,
            env={**environment, **variables, **scene.variables},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _alone(scene: SandboxConfig) -> tuple[list[str], dict[str, str]]:
    """Behind a root of its own, whose mounts go with the last process."""
    root = scene.folder / "root"
    root.mkdir()
    read_only = {place: Path(place) for place in _SYSTEM if Path(place).exists()}
    read_only |= {_VENV: scene.venv, "/kaggle/src/kernel.py": scene.script}
    read_only |= {f"/kaggle/input/{name}": path for name, path in scene.inputs.items()}
    if not str(scene.python_prefix).startswith("/usr"):
        read_only[str(scene.python_prefix)] = scene.python_prefix
    writable = {"/kaggle/working": scene.working, "/tmp": scene.temporary, "/dev": Path("/dev")}
    lines = ["set -eu", f"mount -t tmpfs tmpfs {_quoted(root)}"]
    for place, path in {**read_only, **writable}.items():
        lines += _bind(root, place, path, place in read_only)
    run = f"cd /kaggle/working && exec {_VENV}/bin/python /kaggle/src/kernel.py"
    lines += [
        f"mkdir -p {_quoted(root / 'proc')} && mount -t proc proc {_quoted(root / 'proc')}",
        # Not `exec`: as the first process of its namespace, the kernel would be deaf to signals.
        f"chroot {_quoted(root)} /bin/sh -c {_quoted(run)} || exit $?",
        "exit 0",
    ]
    return [*_ALONE, "sh", "-c", "\n".join(lines)], {"HOME": "/tmp", "TMPDIR": "/tmp"}


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


def _aside(scene: SandboxConfig) -> tuple[list[str], dict[str, str]]:
    """In a folder that stands for `/kaggle`, without sockets."""
    kaggle = scene.folder / "kaggle"
    for name, path in scene.inputs.items():
        (kaggle / "input" / name).parent.mkdir(parents=True, exist_ok=True)
        (kaggle / "input" / name).symlink_to(path.resolve())
    guard = scene.folder / "guard"
    guard.mkdir()
    (guard / "sitecustomize.py").write_text(_NO_SOCKETS)
    variables = {"PULMO_KAGGLE_ROOT": kaggle, "PYTHONPATH": guard, "HOME": scene.temporary, "TMPDIR": scene.temporary}
    words = [str(scene.venv.absolute() / "bin" / "python"), str(scene.script.absolute())]
    return words, {name: str(path.absolute()) for name, path in variables.items()}


def _quoted(path: str | Path) -> str:
    return shlex.quote(str(Path(path).absolute() if isinstance(path, Path) else path))
