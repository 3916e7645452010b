"""Words for the person at the terminal, on stderr, so that stdout holds results only."""

import sys


def tell(message: str) -> None:
    """Say how far we are, on stderr."""
    print(message, file=sys.stderr, flush=True)
