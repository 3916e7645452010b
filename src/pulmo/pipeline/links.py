"""Folders that look like copies and take no space."""

import os
import shutil
from pathlib import Path


def link_or_copy(source: str | Path, target: str | Path) -> str:
    """Another name for the same file; a copy where the disk knows no such thing. For files that are only read."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return str(target)


def link_folder(source: Path, target: Path) -> None:
    """A folder with the same files; nothing where there is no source."""
    if source.is_dir():
        shutil.copytree(source, target, copy_function=link_or_copy)
