"""A server for the pages on one address of this machine."""

from __future__ import annotations

import errno
import ipaddress
import socket
from typing import TYPE_CHECKING

from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.reports.web.site import Site

#: Open streams and requests together; more are answered with 503.
MOST_CONNECTIONS = 100


def is_loopback(host: str) -> bool:
    """Check whether only this machine can reach ``host``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; raises `UsageError` where that can't be."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (socket.gaierror, UnicodeError) as error:
        raise UsageError(f"{host}: no address of this machine ({error})", hint="--host 127.0.0.1") from None
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen()
    except OSError as error:
        opened.close()
        if error.errno == errno.EADDRINUSE:
            raise UsageError(f"port {port} of {host} is taken", hint="--port 0 takes a free one") from None
        raise UsageError(f"{host}, port {port}: {error.strerror}", hint="--host 127.0.0.1 --port 0") from None
    return opened


def url(opened: socket.socket, host: str, token: str | None) -> str:
    """Return the address to open in a browser."""
    port = opened.getsockname()[1]
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}/" + (f"?token={token}" if token else "")


def serve(site: Site, opened: socket.socket, host: str, token: str | None, ready: Callable[[], None]) -> None:
    """Serve until the process is interrupted, which it then is; raises `UsageError` where the extra ``web`` is missing."""
    try:
        import uvicorn

        from orchestrator.reports.web.app import make_app
        from orchestrator.reports.web.guard import Guard
    except ImportError as error:
        raise UsageError(f"pages need {error.name}", hint="pip install 'edge-farm[web]'") from error
    names = frozenset({host.lower(), socket.gethostname().lower()} if token else ())
    app = Guard(make_app(site, lambda: server.should_exit), names=names, token=token)
    config = uvicorn.Config(
        app,
        log_level="error",
        access_log=False,
        lifespan="off",
        ws="none",
        http="h11",
        loop="asyncio",
        proxy_headers=False,
        server_header=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    ready()
    server.run(sockets=[opened])
