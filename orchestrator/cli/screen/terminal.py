"""Text that is safe to print."""

from __future__ import annotations

from typing import Any


def plain(text: Any) -> str:
    """Return text of a device or a person without what would colour our screen, move its cursor or turn its words around."""
    from rich.markup import escape

    shown = "" if text is None else str(text)
    return escape("".join(letter if letter.isprintable() or letter == "\n" else "\ufffd" for letter in shown))
