"""A kernel's single file: the package as a zip, then the kernel as it is written. Equal sources give equal bytes."""

import base64
import hashlib
import io
import zipfile
from pathlib import Path

import pulmo

LINE = 120
_EPOCH = (1980, 1, 1, 0, 0, 0)
_PACKAGE = Path(pulmo.__file__).parent

_SCRIPT = '''\
# Built by `pulmo {name} kernel build`, not to be edited: this block brings the package pulmo {version}, as a zip;
# after it comes {source} as it is written.
import base64
import os
import sys
import tempfile

PULMO = """
{package}
"""


def bring_pulmo() -> None:
    package = base64.b85decode("".join(PULMO.split()))
    path = os.path.join(tempfile.gettempdir(), "pulmo-{digest}.zip")
    if not holds(path, package):
        # Whatever lies there is not the package: it is replaced, or left alone where it is another user's.
        handle, started = tempfile.mkstemp(prefix="pulmo-", suffix=".zip")
        with open(handle, "wb") as file:
            file.write(package)
        try:
            os.replace(started, path)
        except OSError:
            path = started
    if path not in sys.path:
        sys.path.insert(0, path)


def holds(path: str, package: bytes) -> bool:
    try:
        with open(path, "rb") as file:
            own = os.fstat(file.fileno()).st_uid == os.geteuid()  # or its owner may change it afterwards
            return own and file.read() == package
    except OSError:
        return False


bring_pulmo()

{kernel}'''


def build_script(competition: str, source: Path) -> str:
    """The single file of a kernel.

    Args:
        competition: its name.
        source: the kernel as it is written.
    """
    package = package_zip()
    encoded = base64.b85encode(package).decode()
    return _SCRIPT.format(
        name=competition,
        version=pulmo.__version__,
        source=source.as_posix(),
        package="\n".join(encoded[start : start + LINE] for start in range(0, len(encoded), LINE)),
        digest=hashlib.sha256(package).hexdigest()[:16],
        kernel=source.read_text(),
    )


def package_zip() -> bytes:
    """The package's sources and settings as a zip, byte for byte the same whenever and wherever it is made."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        for path in package_files():
            member = zipfile.ZipInfo(path.relative_to(_PACKAGE.parent).as_posix(), _EPOCH)
            member.compress_type, member.create_system = zipfile.ZIP_DEFLATED, 3
            member.external_attr = 0o100644 << 16
            opened.writestr(member, path.read_bytes(), compresslevel=9)
    return archive.getvalue()


def package_files() -> list[Path]:
    """The package's sources and settings."""
    return sorted(path for path in _PACKAGE.rglob("*") if path.suffix in (".py", ".toml"))
