"""Names a file or folder by its text, and lists files below a folder; on the disk, following links, or in a store."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from pulmo.storage import StorePath, is_url


def located(text: str) -> Path:
    """The path that a text names: a URL of an object store (`s3://bucket/prefix`), or a place on the disk.

    Raises:
        CommandLineError: a URL is malformed, or holds credentials.
    """
    if not is_url(text):
        return Path(text)
    return Path(text.removeprefix("file://")) if text.startswith("file://") else StorePath.of(text)


def expanded(path: str | os.PathLike[str]) -> Path:
    """A path as people write it, `~` for the home folder, as a `Path`. Raises CommandLineError as `located` does."""
    if isinstance(path, StorePath):
        return path
    return located(os.path.expanduser(path))  # noqa: PTH111 `Path.expanduser` fails where there is no such user


def folders_below(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Every folder at or below `folder`, by path, with the names of the files directly in it, sorted.

    Links to folders are followed, after the folders beside them. A folder that several links reach is listed once, so
    that circular links end. Broken links and pipes are skipped.
    """
    if isinstance(folder, StorePath):
        yield from folder.folders_below()
        return
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
        yield place, [entry.name for entry in entries if _is(entry.is_file)]
        below = [entry for entry in entries if _is(entry.is_dir)]
        below.sort(key=lambda entry: (entry.is_symlink(), entry.name))
        waiting += [place / entry.name for entry in reversed(below)]


def files_below(folder: Path) -> list[Path]:
    """All files at or below `folder`, sorted by path; see `folders_below`."""
    return sorted(place / name for place, names in folders_below(folder) for name in names)


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


def state_of(file: Path) -> tuple[int, int | str]:
    """The size in bytes, and what changes with the content: the time of the last change, of an object its ETag."""
    if isinstance(file, StorePath):
        return file.state()
    status = file.stat()
    return status.st_size, status.st_mtime_ns


def _is(kind: Callable[[], bool]) -> bool:
    """The entry's kind test; False for a link that points to itself."""
    try:
        return kind()
    except OSError:
        return False
