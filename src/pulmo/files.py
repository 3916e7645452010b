"""Lists files below a folder, following links, and makes file names printable."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

_SURROGATE = re.compile("[\ud800-\udfff]")
_FIRST_BYTE, _LAST_BYTE = 0xDC80, 0xDCFF


def folders_below(folder: Path) -> Iterator[tuple[Path, list["os.DirEntry[str]"]]]:
    """Every folder at or below `folder`, by path, with the entries of the files directly in it, by name.

    Links to folders are followed, after the folders beside them. A folder that several links reach is listed once, so
    that circular links end. Broken links and pipes are skipped.
    """
    seen: set[tuple[int, int]] = set()
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        try:
            status = place.stat()
            with os.scandir(place) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError:  # no permission, or deleted meanwhile
            continue
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        yield place, [entry for entry in entries if _is(entry.is_file)]
        below = [entry for entry in entries if _is(entry.is_dir)]
        below.sort(key=lambda entry: (entry.is_symlink(), entry.name))
        waiting += [place / entry.name for entry in reversed(below)]


def expanded(path: str | os.PathLike[str]) -> Path:
    """A path as people write it, `~` for the home folder, as a `Path`."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 `Path.expanduser` fails where there is no such user


def files_below(folder: Path) -> list[Path]:
    """All files at or below `folder`, sorted by path; see `folders_below`."""
    return sorted(place / entry.name for place, entries in folders_below(folder) for entry in entries)


def folders_of(names: Iterable[str], folder: Path) -> dict[str, Path]:
    """The folder of each name in `folder`, or one level deeper, as left by an archive unpacked into its own folder.

    Names without a folder are left out; `folder` need not exist.
    """
    wanted = list(names)
    found = {name: folder / name for name in wanted if (folder / name).is_dir()}
    if len(found) == len(wanted) or not folder.is_dir():
        return found
    others = sorted(child for child in folder.iterdir() if child.name not in found and child.is_dir())
    deeper = {name: child / name for child in reversed(others) for name in wanted if (child / name).is_dir()}
    return {name: found.get(name) or deeper[name] for name in wanted if name in found or name in deeper}


def printable(name: str | Path) -> str:
    r"""The same text with every byte that is not UTF-8 written as `\xfc`.

    Python represents such bytes of a file name as surrogates, which UTF-8 streams, parquet and HTML cannot hold.
    """
    return _SURROGATE.sub(_escaped, str(name))


def _escaped(found: "re.Match[str]") -> str:
    code = ord(found[0])
    return f"\\x{code - 0xDC00:02x}" if _FIRST_BYTE <= code <= _LAST_BYTE else f"\\u{code:04x}"


def _is(kind: Callable[[], bool]) -> bool:
    """The entry's kind test; False for a link that points to itself."""
    try:
        return kind()
    except OSError:
        return False
