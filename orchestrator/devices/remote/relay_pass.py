"""What lets a jump host hand files to a device: a certificate, its key, a token, all of one push."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from agent import relay_wire

#: The dates are for whoever looks at it: both ends know the certificate itself, and a board's clock may be years off.
VALID = timedelta(minutes=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayPass:
    """``certificate`` and ``key`` are PEM, ``token`` is in hexadecimal digits."""

    certificate: str
    key: str = field(repr=False)
    token: str = field(repr=False)


def make_pass(at: datetime | None = None) -> RelayPass:
    """Return a fresh one: P-256, signed by itself, valid from ``at`` (now) for `VALID`."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "farm relay")])
    begins = at or datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins - timedelta(minutes=1))
        .not_valid_after(begins + VALID)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return RelayPass(
        certificate=certificate.public_bytes(pem).decode(),
        key=plain.decode(),
        token=secrets.token_hex(relay_wire.TOKEN_BYTES),
    )
