"""TLS with one pinned certificate, whatever the clocks at its two ends show."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from agent import relay_wire
from agent.refusals import Refused

try:
    import ssl
except ImportError:  # a Python that was built without OpenSSL
    ssl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

#: X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which Python does not name: a board without a clock is years off.
_NO_CHECK_TIME = 0x200000


def server(certificate: str, key: str, folder: str) -> ssl.SSLContext:
    """Return what a jump host answers by; the key is in memory alone, or where that can't be for an instant in ``folder``."""
    context = _context(server_side=True)
    with _file(certificate + key, folder) as path:
        try:
            context.load_cert_chain(path)
        except (OSError, ValueError) as error:
            raise Refused(relay_wire.NO_WAY, "the certificate can't be used: %s" % error) from error
    return context


def connect(connection: socket.socket, certificate: str) -> ssl.SSLSocket:
    """Return ``connection``, encrypted; raises `OSError` where the other end has not the key of ``certificate``."""
    context = _context(server_side=False)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= _NO_CHECK_TIME
    try:
        context.load_verify_locations(cadata=certificate)
        expected = ssl.PEM_cert_to_DER_cert(certificate)
    except ValueError as error:
        raise OSError("no certificate: %s" % error) from error
    encrypted = context.wrap_socket(connection)
    if encrypted.getpeercert(binary_form=True) != expected:
        encrypted.close()
        raise OSError("another certificate")
    return encrypted


def _context(*, server_side: bool) -> ssl.SSLContext:
    if ssl is None:
        raise Refused(relay_wire.NO_WAY, "Python there has no module ssl")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server_side else ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@contextmanager
def _file(content: str, folder: str) -> Iterator[str]:
    """Give the path of a file that its user alone can read: OpenSSL reads no other; it is gone afterwards."""
    descriptor, path = _in_memory()
    if descriptor < 0:
        descriptor, path = tempfile.mkstemp(prefix="relay.", dir=folder)
    try:
        with open(descriptor, "w") as file:
            file.write(content)
            file.flush()
            yield path
    finally:
        if not path.startswith("/proc/"):
            os.unlink(path)


def _in_memory() -> tuple[int, str]:
    try:
        descriptor = os.memfd_create("farm-relay")  # type: ignore[attr-defined,unused-ignore]
    except (AttributeError, OSError):  # no Linux, or an old one
        return -1, ""
    path = "/proc/self/fd/%d" % descriptor
    if os.path.exists(path):
        return descriptor, path
    os.close(descriptor)
    return -1, ""
