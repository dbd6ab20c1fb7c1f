"""What `farm web` refuses before it answers anything."""

from __future__ import annotations

import asyncio

import pytest
from starlette.responses import PlainTextResponse

from orchestrator.reports.web.guard import Guard
from orchestrator.reports.web.server import is_loopback

TOKEN = "correct-token"  # noqa: S105  of a test


def ask(path="/", *, method="GET", host="127.0.0.1:8765", query="", cookie="", token=None, names=frozenset()):
    """Return (status, headers) of the answer to one request."""
    sent = []
    headers = [(b"host", host.encode("latin-1")), (b"cookie", cookie.encode("latin-1"))]
    scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": headers}

    async def receive():
        return {"type": "http.request"}

    async def send(message):
        sent.append(message)

    asyncio.run(Guard(PlainTextResponse("the page"), names=names, token=token)(scope, receive, send))
    start = sent[0]
    return start["status"], {name.decode(): value.decode() for name, value in start["headers"]}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "FARM"])
def test_what_is_not_reading_is_refused(method):
    status, headers = ask(method=method)

    assert (status, headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8765", "localhost:8765", "LOCALHOST", "[::1]:8765", "[::1]"])
def test_addresses_and_localhost_are_answered(host):
    assert ask(host=host)[0] == 200


@pytest.mark.parametrize(
    "host", ["", "evil.example", "evil.example:8765", "127.0.0.1.evil.example", "localhost.evil.example"]
)
def test_a_name_that_a_foreign_page_may_point_here_is_refused(host):
    assert ask(host=host)[0] == 421


def test_the_name_that_a_person_gave_is_answered():
    assert ask(host="farm.lan:8765", names=frozenset({"farm.lan"}))[0] == 200


def test_every_answer_loads_nothing_from_elsewhere_and_stands_in_no_frame():
    for _, headers in (ask(), ask(method="POST"), ask(host="evil.example")):
        policy = headers["content-security-policy"]
        assert "default-src 'none'; script-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe-eval" not in policy
        assert "http" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("query", "cookie"),
    [("", ""), ("token=", ""), ("token=wrong", ""), ("", "farm_token=wrong"), ("token=é", ""), ("", "farm_token; =;;")],
    ids=["none", "empty", "wrong", "wrong cookie", "not ASCII", "no cookie at all"],
)
def test_without_the_token_there_is_no_answer(query, cookie):
    assert ask(query=query, cookie=cookie, token=TOKEN)[0] == 403


def test_the_token_becomes_a_cookie_and_leaves_the_address():
    status, headers = ask("/compare", query=f"a=1&token={TOKEN}", token=TOKEN)

    assert (status, headers["location"]) == (303, "/compare?a=1")
    assert headers["set-cookie"].lower() == f"farm_token={TOKEN}; httponly; path=/; samesite=strict"
    assert ask(cookie=f"other=1; farm_token={TOKEN}", token=TOKEN)[0] == 200


def test_a_path_that_looks_like_a_host_leads_to_no_other_host():
    _, headers = ask("//evil.example/", query=f"token={TOKEN}", token=TOKEN)

    assert headers["location"] == "/evil.example/"


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],  # noqa: S104
)
def test_only_loopback_is_this_machine_alone(host, local):
    assert is_loopback(host) is local
