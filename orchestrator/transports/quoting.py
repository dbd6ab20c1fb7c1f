"""Words of a program as one line that every login shell hands on unharmed."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: In single quotes csh still takes ``!`` for history and no line ends, and fish reads ``\\`` and ``\'``.
_NOT_FOR_ALL = re.compile(r"[\\!\x00-\x1f\x7f]")


def command_line(argv: Sequence[str]) -> str:
    """Return ``argv`` quoted for sh, csh, tcsh and fish alike.

    Words that not every shell leaves alone go in octal to a POSIX ``sh``, which alone unpacks them.
    """
    quoted = shlex.join(argv)
    if not _NOT_FOR_ALL.search(quoted):
        return quoted
    octal = "".join(f"\\0{byte:03o}" for byte in quoted.encode())
    return f"""exec sh -c 'eval "exec $(printf %b "{octal}")"'"""
