"""OpenSSH's picture of a host key: two that look alike are most likely the same."""

from __future__ import annotations

import hashlib

#: Of ``sshkey.c``, ``fingerprint_randomart``: the field, and what a square shows by how often it was walked over.
WIDTH, HEIGHT = 17, 9
SQUARES = " .o+=*BOX@%&#/^SE"
#: What OpenSSH calls the kinds of keys.
_KINDS = {"ssh-ed25519": "ED25519", "ssh-rsa": "RSA", "ssh-dss": "DSA"}


def randomart(blob: bytes) -> str:
    """Return the picture that ``ssh-keygen -lv`` prints of a public key, by its SHA256 fingerprint; no line end at the end."""
    field = [[0] * WIDTH for _ in range(HEIGHT)]
    start = column, row = WIDTH // 2, HEIGHT // 2
    for byte in hashlib.sha256(blob).digest():
        for shift in (0, 2, 4, 6):  # the drunken bishop goes one square diagonally for every two bits
            step = byte >> shift
            column = min(max(column + (1 if step & 1 else -1), 0), WIDTH - 1)
            row = min(max(row + (1 if step & 2 else -1), 0), HEIGHT - 1)
            field[row][column] = min(field[row][column] + 1, len(SQUARES) - 3)
    field[start[1]][start[0]] = len(SQUARES) - 2
    field[row][column] = len(SQUARES) - 1
    lines = ["".join(SQUARES[count] for count in squares) for squares in field]
    return "\n".join([_edge(_title(blob)), *(f"|{line}|" for line in lines), _edge("[SHA256]")])


def _edge(words: str) -> str:
    left = (WIDTH - len(words)) // 2
    return f"+{'-' * left}{words}{'-' * (WIDTH - len(words) - left)}+"


def _title(blob: bytes) -> str:
    """Return the kind and size of a key as OpenSSH heads the picture; without the size where that is too long."""
    kind, *parts = _strings(blob)
    name = kind.decode(errors="replace")
    if name.startswith("ecdsa-"):
        words, bits = "ECDSA", int(name.rpartition("nistp")[2] or 0)
    else:
        words = _KINDS.get(name, name)
        bits = int.from_bytes(parts[1 if name == "ssh-rsa" else 0]).bit_length() if name != "ssh-ed25519" else 256
    titled = f"[{words} {bits}]"
    return titled if len(titled) <= WIDTH else f"[{words}]"


def _strings(blob: bytes) -> list[bytes]:
    """Return the length-prefixed fields that a public key consists of (RFC 4253, section 6.6)."""
    found = []
    while blob:
        length = int.from_bytes(blob[:4])
        found.append(blob[4 : 4 + length])
        blob = blob[4 + length :]
    return found
