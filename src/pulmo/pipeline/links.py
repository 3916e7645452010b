"""Large files under a second name: hard links, or copies."""

import os
import shutil
from pathlib import Path


def link_or_copy(source: str | Path, target: str | Path) -> None:
    """Make `target` another name of the file `source`; where the disk does not allow that, a copy of it."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
