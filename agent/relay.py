"""Files that a jump host keeps, handed to the devices behind it."""

from __future__ import annotations

import hmac
import json
import os
import select
import signal
import socket
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from agent import blobs, relay_tls, relay_wire, wire
from agent.refusals import Refused

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Iterator

    from agent.workdir import Workdir

#: How long the other end may take to connect, then, where it asks for files, to send more.
CONNECT_S, SILENCE_S = 5.0, 20.0
#: `serve` ends by itself where nothing is asked for so long: its controller is gone without a word.
IDLE_S = 1800.0
#: Connections at once; one device makes one.
MOST = 4
BLOCK_BYTES = 1 << 16
#: Of the line that a jump host is sent.
MOST_REQUEST_BYTES = 1 << 16


def serve(workdir: Workdir, device: str, hashes: Iterable[str]) -> None:
    """Hand out these blobs, and no others, until standard input ends; its first line is a `relay_wire.ServeRequest`.

    Listens on the one address by which ``device``, a name or an address, is reached from here; prints it.
    """
    asked = _serve_request()
    try:
        token = bytes.fromhex(asked.token)
    except ValueError as error:
        raise Refused(wire.BAD_REQUEST, "the token is not in hexadecimal digits") from error
    if len(token) != relay_wire.TOKEN_BYTES:
        raise Refused(wire.BAD_REQUEST, "the token is too short")
    handing = _Handing(
        context=relay_tls.server(asked.certificate, asked.key, workdir.path),
        token=token,
        files={sha256: workdir.blob(sha256) for sha256 in hashes},
    )
    try:
        family, address = _towards(device)
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.bind((address, 0))
        listener.listen(MOST)
    except OSError as error:
        raise Refused(relay_wire.NO_WAY, "no way from here to %s: %s" % (device, error.strerror or error)) from error
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the session that asked may be gone
    where = {"address": address, "port": listener.getsockname()[1]}
    sys.stdout.buffer.write(relay_wire.MARK + json.dumps(where).encode() + b"\n")
    sys.stdout.buffer.flush()
    while True:
        ready, _, _ = select.select([listener.fileno(), 0], [], [], IDLE_S)
        if not ready or (0 in ready and not os.read(0, 1 << 12)):
            return
        if listener.fileno() in ready:
            handing.begin(listener.accept()[0])


def fetch(workdir: Workdir, asked: relay_wire.FetchRequest) -> int:
    """Get blobs from a jump host as `blobs.receive` does; return how many. Without any, find out whether there is a way.

    Refuses with `NO_WAY` where the jump host can't be reached or has not the key of the certificate, else as `blobs.receive`.
    """
    for sha256, size, offset in asked.blobs or ((relay_wire.NOTHING, 0, 0),):
        with _answered(asked, sha256, offset) as source:
            if sha256 != relay_wire.NOTHING:
                blobs.receive(workdir, sha256, source, size=size, offset=offset)
    return len(asked.blobs)


@contextmanager
def _answered(asked: relay_wire.FetchRequest, sha256: str, offset: int) -> Iterator[_Received]:
    """Connect, and give what the jump host sends once it has proved that it has the key of the certificate."""
    try:
        token = bytes.fromhex(asked.token)
        connection = socket.create_connection((asked.address, asked.port), CONNECT_S)
    except (OSError, ValueError) as error:
        raise _no_way(asked, error) from error
    with connection:
        connection.settimeout(asked.patience_s)
        try:
            encrypted = relay_tls.connect(connection, asked.certificate)
        except OSError as error:
            raise _no_way(asked, error) from error
        with encrypted:
            try:
                encrypted.sendall(relay_wire.request(token, sha256, offset))
                _exactly(encrypted, len(relay_wire.OK))
            except OSError as error:
                raise _no_way(asked, error) from error
            yield _Received(encrypted)


def _no_way(asked: relay_wire.FetchRequest, error: Exception) -> Refused:
    why = getattr(error, "strerror", None) or error
    return Refused(relay_wire.NO_WAY, "can't be reached at %s:%s: %s" % (asked.address, asked.port, why))


def _towards(device: str) -> tuple[socket.AddressFamily, str]:
    """Return the address of this machine on the way to ``device``; nothing is sent."""
    family, kind, _, _, address = socket.getaddrinfo(device, 9, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind) as looking:
        looking.connect(address)
        return family, str(looking.getsockname()[0])


def _serve_request() -> relay_wire.ServeRequest:
    """Read the first line of standard input, which stays open; a buffer of Python's would hide its end from `select`."""
    line = b""
    while not line.endswith(b"\n") and len(line) < MOST_REQUEST_BYTES:
        piece = os.read(0, 1 << 12)
        if not piece:
            break
        line += piece
    try:
        request: relay_wire.ServeRequest = wire.from_json(relay_wire.ServeRequest, json.loads(line))
    except ValueError as error:
        raise Refused(wire.BAD_REQUEST, "standard input does not begin with a ServeRequest") from error
    return request


class _Handing:
    """Hands out files to whoever has the token, `MOST` connections at once, each in a thread of its own."""

    def __init__(self, *, context: ssl.SSLContext, token: bytes, files: dict[str, str]) -> None:
        self._context, self._token, self._files = context, token, files
        self._places = threading.BoundedSemaphore(MOST)

    def begin(self, connection: socket.socket) -> None:
        """Answer a connection; hang up on one too many."""
        if self._places.acquire(blocking=False):
            threading.Thread(target=self._work, args=(connection,), daemon=True).start()
        else:
            connection.close()

    def _work(self, connection: socket.socket) -> None:
        try:
            connection.settimeout(SILENCE_S)
            with (
                connection,
                suppress(OSError, ValueError),
                self._context.wrap_socket(connection, server_side=True) as end,
            ):
                self._answer(end)
        finally:
            self._places.release()

    def _answer(self, end: socket.socket) -> None:
        """Answer one request; whoever has not the token, or asks for another file, gets nothing."""
        request = _exactly(end, relay_wire.REQUEST_BYTES)
        if not hmac.compare_digest(request[: relay_wire.TOKEN_BYTES], self._token):
            return
        asked = request[relay_wire.TOKEN_BYTES :]
        sha256, offset = asked[:64].decode("ascii"), int.from_bytes(asked[64:], "big")
        if sha256 == relay_wire.NOTHING:
            end.sendall(relay_wire.OK)
        elif sha256 in self._files:
            with open(os.open(self._files[sha256], os.O_RDONLY | os.O_NOFOLLOW), "rb") as source:
                source.seek(offset)
                end.sendall(relay_wire.OK)
                while block := source.read(BLOCK_BYTES):
                    end.sendall(block)


class _Received:
    """What comes from a jump host; a link that breaks is the end, which `blobs.receive` notices."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def read(self, size: int) -> bytes:
        """Return some bytes, ``size`` at most, none at the end."""
        with suppress(OSError):
            return self._connection.recv(size)
        return b""


def _exactly(connection: socket.socket, count: int) -> bytes:
    content = bytearray()
    while len(content) < count:
        piece = connection.recv(count - len(content))
        if not piece:
            raise OSError("it hung up")
        content += piece
    return bytes(content)
