"""What a rehearsed kernel sees: folders, variables, and no network."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pulmo.kaggle import sandbox
from pulmo.kaggle.sandbox import SandboxConfig


@pytest.fixture
def config(tmp_path: Path) -> SandboxConfig:
    """A sandbox with one input and this interpreter."""
    (tmp_path / "sandbox").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a.csv").write_text("a")
    inputs = {"competitions/osic": tmp_path / "data"}
    return SandboxConfig(
        tmp_path / "sandbox", tmp_path / "kernel.py", inputs, Path(sys.prefix), Path("/opt/python"), {"SEED": "7"}
    )


def test_a_folder_in_place_of_kaggles(config: SandboxConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", "a-secret")
    config.script.write_text(
        "import os, pathlib\n"
        "kaggle = pathlib.Path(os.environ['PULMO_KAGGLE_ROOT'])\n"
        "print((kaggle / 'input/competitions/osic/a.csv').read_text(), pathlib.Path.cwd() == kaggle / 'working')\n"
        "print(os.environ['SEED'], os.environ['KAGGLE_KERNEL_RUN_TYPE'], 'KAGGLE_API_TOKEN' in os.environ)\n"
        "print(os.environ['TMPDIR'] == os.environ['HOME'], os.environ['TMPDIR'])\n"
    )
    log = config.folder / "log"
    assert sandbox.start(config, log, namespaces=False).wait() == 0
    assert log.read_text().splitlines() == ["a True", "7 Batch False", f"True {config.temporary}"]


def test_the_kernel_leads_a_session_of_its_own(config: SandboxConfig) -> None:
    """So that it can be stopped with all its children."""
    config.script.write_text("import os; raise SystemExit(os.getsid(0) != os.getpid())\n")
    assert sandbox.start(config, config.folder / "log", namespaces=False).wait() == 0


def test_sockets_are_refused_in_python_itself() -> None:
    """No name is found, and no address of the internet connected to; sockets of the machine's own work."""
    check = (
        "import errno\n"
        "for family in (socket.AF_INET, socket.AF_INET6):\n"
        "    one = socket.socket(family)\n"
        "    assert one.connect_ex(('127.0.0.1', 9)) == errno.ENETUNREACH\n"
        "    try:\n        one.connect(('127.0.0.1', 9))\n"
        "    except OSError as error:\n        assert error.errno == errno.ENETUNREACH\n"
        "    else:\n        raise SystemExit('connected')\n"
        "try:\n    socket.getaddrinfo('localhost', 80)\n"
        "except socket.gaierror as error:\n    assert error.errno == socket.EAI_AGAIN\n"
        "else:\n    raise SystemExit('found')\n"
        "assert socket.socket(socket.AF_UNIX).connect_ex('nowhere') == errno.ENOENT\n"
    )
    subprocess.run([sys.executable, "-I", "-S", "-c", sandbox._NO_SOCKETS + check], check=True)
    assert socket.socket.__name__ == "socket"


def test_the_script_of_a_sandbox_with_namespaces(config: SandboxConfig) -> None:
    """Inputs and the interpreter are read-only, the kernel's own folders are not."""
    config.script.touch()
    command, variables = sandbox._with_namespaces(config)
    lines = command[-1].splitlines()
    root = config.folder / "root"
    assert variables == {"HOME": "/tmp", "TMPDIR": "/tmp"}
    assert lines[:2] == ["set -eu", f"mount -t tmpfs tmpfs {root}"]
    read_only = {line.rpartition(" ")[2].removeprefix(str(root)) for line in lines if "bind,ro" in line}
    assert {"/kaggle/input/competitions/osic", "/kaggle/src/kernel.py", "/venv", "/opt/python", "/usr"} <= read_only
    assert not {"/kaggle/working", "/tmp", "/dev"} & read_only
    assert f"mkdir -p {root}/kaggle/src && touch {root}/kaggle/src/kernel.py" in lines


def test_an_interpreter_of_the_system_is_mounted_with_it(config: SandboxConfig) -> None:
    config.script.touch()
    command, _ = sandbox._with_namespaces(config._replace(python_prefix=Path("/usr/local")))
    assert "/root/usr/local" not in command[-1]


@pytest.mark.parametrize(
    ("found", "code", "has"), [(None, 0, False), ("/bin/unshare", 0, True), ("/bin/unshare", 1, False)]
)
def test_whether_the_system_permits_namespaces(
    monkeypatch: pytest.MonkeyPatch, found: str | None, code: int, has: bool
) -> None:
    done = subprocess.CompletedProcess[bytes]([], code)
    monkeypatch.setattr("pulmo.kaggle.sandbox.shutil.which", lambda _: found)
    monkeypatch.setattr("pulmo.kaggle.sandbox.subprocess.run", lambda *_, **__: done)
    assert sandbox.has_namespaces() == has


def test_links_of_the_system_are_made_again_and_others_are_followed(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    link = tmp_path / "link"
    link.symlink_to("data")
    root = tmp_path / "root"
    assert sandbox._bind(root, "/bin", link, True) == [f"ln -s data {root}/bin"]
    assert sandbox._bind(root, "/kaggle/input/osic", link, True) == [
        f"mkdir -p {root}/kaggle/input/osic",
        f"mount --rbind {tmp_path}/data {root}/kaggle/input/osic",
        f"mount -o remount,bind,ro {root}/kaggle/input/osic",
    ]
    assert sandbox._bind(root, "/dev", tmp_path / "data", False)[1:] == [f"mount --rbind {tmp_path}/data {root}/dev"]
