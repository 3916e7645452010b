"""Makes file names printable."""

import re
from pathlib import Path

_SURROGATE = re.compile("[\ud800-\udfff]")
_FIRST_BYTE, _LAST_BYTE = 0xDC80, 0xDCFF


def printable(name: str | Path) -> str:
    r"""The same text with every byte that is not UTF-8 written as `\xfc`.

    Python represents such bytes of a file name as surrogates, which UTF-8 streams, parquet and HTML cannot hold.
    """
    return _SURROGATE.sub(_escaped, str(name))


def _escaped(found: "re.Match[str]") -> str:
    code = ord(found[0])
    return f"\\x{code - 0xDC00:02x}" if _FIRST_BYTE <= code <= _LAST_BYTE else f"\\u{code:04x}"
