"""Detects invisible and look-alike characters, which programs read differently than people do."""

import unicodedata

_NAMES = {
    "\t": "a tab",
    "\n": "a line break",
    "\r": "a carriage return",
    "\0": "a NUL byte",
    "\ufeff": "a byte order mark",
    "\u00a0": "a no-break space",
    "\u202f": "a narrow no-break space",
    "\u200b": "a zero-width space",
}

_LONG = 40
INVISIBLE = "".join(_NAMES)


def odd_character(text: str) -> str | None:
    """The name of the first character that is not printable ASCII, such as "a no-break space"; None without one."""
    if text.isascii() and text.isprintable():
        return None
    first = next(character for character in text if not " " <= character <= "~")
    name = unicodedata.name(first, "")
    return _NAMES.get(first) or (f"{first!r} ({name.lower()})" if name else f"the control character {ord(first):#04x}")


def odd_word(text: str) -> str | None:
    """The first space-separated word with such a character, as a clause: "'1\\t' contains a tab"; None without one."""
    odd = ((word, odd_character(word)) for word in text.split(" "))
    return next((f"{_short(word)!r} contains {name}" for word, name in odd if name), None)


def _short(word: str) -> str:
    return word if len(word) <= _LONG else f"{word[:_LONG]}…"
