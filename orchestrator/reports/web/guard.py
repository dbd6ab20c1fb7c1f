"""What a request must have before it is answered, with the headers that every answer has."""

from __future__ import annotations

import hmac
import ipaddress
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "farm_token"
#: Scripts, styles, pictures and events are this server's own. Charts set styles while they are drawn.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
METHODS = ("GET", "HEAD")


class Guard:
    """Wraps an application: it answers ``GET`` under a name that no foreign page can have taken, and to whom has the token."""

    def __init__(self, app: ASGIApp, *, names: frozenset[str], token: str | None) -> None:
        """``names`` are hosts besides ``localhost`` and IP addresses; without ``token`` none is asked for."""
        self._app = app
        self._names = names | {"localhost"}
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if scope["method"] not in METHODS:
            return PlainTextResponse("farm web is read-only\n", 405, {"Allow": ", ".join(METHODS)})
        if not self._is_ours(headers.get("host", "")):
            return PlainTextResponse("this host name is not that of farm web\n", 421)
        return None if self._token is None else self._without_token(scope, headers, self._token)

    def _is_ours(self, host: str) -> bool:
        """Check that a browser came by an address, or a name that is known: a foreign page can't point that here by DNS."""
        name = host.rpartition("]")[0].removeprefix("[") if host.startswith("[") else host.partition(":")[0]
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name.lower().rstrip(".") in self._names
        return True

    def _without_token(self, scope: Scope, headers: dict[str, str], token: str) -> Response | None:
        """Return a refusal unless the cookie has the token; the address may bring it, once."""
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = dict(query).get("token")
        if given is not None and hmac.compare_digest(given.encode(), token.encode()):
            rest = urlencode([(name, value) for name, value in query if name != "token"])
            # A relative address: one that begins with two slashes would lead to another host.
            target = "/" + scope["path"].lstrip("/") + (f"?{rest}" if rest else "")
            answer = RedirectResponse(target, 303)
            answer.set_cookie(COOKIE, token, httponly=True, samesite="strict")
            return answer
        if hmac.compare_digest(_cookie(headers.get("cookie", "")).encode(), token.encode()):
            return None
        return PlainTextResponse("open the address that farm web printed, with its token\n", 403)


def _cookie(header: str) -> str:
    try:
        morsel = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""
