"""Whether a file lists devices in Ansible's notation, by its content."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from orchestrator.config.read_bytes import read_bytes

if TYPE_CHECKING:
    from pathlib import Path

#: ``ansible-inventory --list``; a static file in INI; one in YAML.
LIST, INI, YAML = "ansible-inventory --list", "Ansible, INI", "Ansible, YAML"
#: More than an inventory of 10,000 hosts.
MOST_BYTES = 32 << 20
_OWN = re.compile(r"^\s*\{?\s*[\"']?(devices|groups)[\"']?\s*:", re.MULTILINE)
_OWN_LINE = re.compile(r"^(devices|groups)\s*:", re.MULTILINE)
_SECTION = re.compile(r"^\[[^\]\n]+\]\s*([#;].*)?$", re.MULTILINE)
_GROUP = re.compile(r"^\s+(hosts|children)\s*:", re.MULTILINE)
_HOST = re.compile(r"^[^\s#;:{\[]\S*[ \t](?:[^\n]*[ \t])?ansible_\w+=", re.MULTILINE)


def notation(path: Path) -> str | None:
    """Return the notation of the file at ``path``: `LIST`, `INI` or `YAML`; ``None`` for farm's own, or what can't be read."""
    try:
        text = read_bytes(path, MOST_BYTES).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None
    return of_text(text)


def of_text(text: str) -> str | None:
    """Return the notation of ``text``; ``None`` for farm's own, or another."""
    if listed(text) is not None:
        return LIST
    lines = "\n".join(line for line in text.splitlines() if line.strip() and not line.lstrip().startswith(("#", ";")))
    if _OWN_LINE.search(lines) or _OWN.match(lines):
        return None
    if _SECTION.search(lines) or _HOST.search(lines):
        return INI
    return YAML if _GROUP.search(lines) else None


def listed(text: str) -> dict[str, Any] | None:
    """Return what ``ansible-inventory --list`` printed as JSON, ``None`` for any other text."""
    if not text.lstrip().startswith("{") or '"_meta"' not in text:
        return None
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return plain if isinstance(plain, dict) and isinstance(plain.get("_meta"), dict) else None
