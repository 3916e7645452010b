"""Progress messages on stderr; stdout holds results only."""

import sys


def log(message: str) -> None:
    """Print a progress message to stderr."""
    print(message, file=sys.stderr, flush=True)
