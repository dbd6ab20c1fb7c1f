"""What a jump host is sent by SSH, as is each device behind it, so that files go from one to the other.

Between the two is TLS. The device accepts the one certificate of its request, sends `REQUEST_BYTES`: the token, the sha256 that it asks for
(`NOTHING` to see whether the way is free), the byte to begin with. The jump host sends `OK`, then the file from there on. What arrives
counts only with the sha256 that the controller named.
"""

from __future__ import annotations

import dataclasses

#: What the line of `serve` begins with; all before it is a login shell's noise.
MARK = b"farm-relay "
#: The code of a refusal: the device can't get a file from the jump host.
NO_WAY = "no-way"
TOKEN_BYTES = 32
NOTHING = "0" * 64
#: Token, sha256 in hexadecimal digits, offset in big-endian bytes.
REQUEST_BYTES = TOKEN_BYTES + 64 + 8
OK = b"+"


@dataclasses.dataclass(frozen=True)
class ServeRequest:
    """Hand out blobs to whoever has the token, in hexadecimal digits; ``certificate`` and ``key`` are PEM."""

    certificate: str
    key: str = dataclasses.field(repr=False)
    token: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True)
class FetchRequest:
    """Get blobs from a jump host, (sha256, size, byte to begin with); none of them finds out whether there is a way.

    ``certificate`` is PEM, ``token`` in hexadecimal digits. The jump host may be silent for ``patience_s``, from one piece to the next.
    """

    address: str
    port: int
    certificate: str
    token: str = dataclasses.field(repr=False)
    blobs: tuple[tuple[str, int, int], ...] = ()
    patience_s: float = 20.0


def request(token: bytes, sha256: str, offset: int) -> bytes:
    """Return what the device sends."""
    return token + sha256.encode() + offset.to_bytes(8, "big")
