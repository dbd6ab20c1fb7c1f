"""`farm web`: a real server on a store, asked as a browser asks."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from orchestrator.cli.web import web as command
from orchestrator.domain import run_event
from orchestrator.errors import StoreError, UsageError
from orchestrator.store.store import Store
from tests.integration.test_compare import NEW, OLD
from tests.lab import telling
from tests.lab.served import HOSTILE, INT8, fill, serving

GOING = "20260301-000000-g01n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("web")
    fill(made)
    claims = "claims:\n- {claim: 'a <b>bold</b> claim', scheme: int8, size_ratio: {at_least: 2}}\n"
    (made / "claims.yaml").write_text(claims, encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def served(folder):
    with serving(folder, "--claims", "claims.yaml") as one:
        yield one


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/", ["release-1", NEW, "/runs/" + NEW, "phantom (synthetic)"]),
        ("/runs/latest", ["run " + NEW, "Every variant", "/cases/local/tiny-cxr/int8/litert/t1/b1?run=" + NEW]),
        ("/runs/release-1", ["release-1 (" + OLD, "data-chart="]),
        ("/devices", ["/devices/pi5", "/devices/local"]),
        ("/devices/local", ["What to deploy", "Newest results", "cores"]),
        ("/compare", ["Compare two runs"]),
        ("/compare?a=release-1&b=latest", [f"{NEW} against release-1", "<b>1</b> slower", "20 % slower"]),
        ("/claims", ["a &lt;b&gt;bold&lt;/b&gt; claim", "1 holds"]),
        ("/claims?baseline=release-1", ["no case is more than 5 % slower than in release-1", "2 hold, 1 refuted"]),
        (f"/cases/{INT8}", ["From run to run", "20 % slower", "Attempts"]),
        (f"/cases/{INT8}?run=release-1", [OLD, "the first run"]),
    ],
)
def test_each_page_shows_what_the_store_has(served, path, words):
    status, page, headers = served.get(path)

    assert status == 200
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert [word for word in words if word not in page] == []


def test_figures_are_those_of_the_terminal(served, folder):
    done = subprocess.run(
        [sys.executable, "-m", "orchestrator.cli.main", "results", "compare", "--runs", OLD, NEW, "--json"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    pair = next(each for each in json.loads(done.stdout) if each["b"] == str(INT8))

    _, page, _ = served.get("/compare?a=release-1&b=latest")

    assert pair["verdict"] == "slower"
    assert f'data-sort="{pair["speedup"]}" class="slower"' in page


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/runs/release-2", 404, ["no run called &#39;release-2&#39;", f'<a href="/runs/{OLD}">release-1</a>']),
        ("/runs/nothing-at-all", 404, ["no run called"]),
        ("/devices/pi6", 404, ["no device called", '<a href="/devices/pi5">pi5</a>']),
        ("/cases/local/tiny-cxr/int9/litert/t1/b1", 404, ["no case", f'<a href="/cases/{INT8}">']),
        ("/cases/x", 400, ["is not DEVICE/MODEL"]),
        ("/compare?a=release-1&b=release-1", 400, ["both are the run"]),
        ("/compare?a=release-1&b=%00", 404, ["no run called"]),
        ("/claims?baseline=latest", 400, ["is the baseline itself"]),
        ("/runs/latest/charts/none.svg", 404, ["no chart called"]),
        ("/runs/latest/events/x", 404, ["there is no such page"]),
        ("/static/..%2fapp.py", 404, ["there is no such page"]),
        (
            f"/runs/{HOSTILE.replace(chr(34), '%22')}".replace("<", "%3C").replace(">", "%3E").replace("/s", "%2Fs"),
            404,
            [],
        ),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, str) else "",
)
def test_what_does_not_exist_is_a_page_with_the_nearest_names(served, path, status, words):
    answered, page, _ = served.get(path)

    assert answered == status
    assert "<script>alert" not in page
    assert [word for word in words if word not in page] == []


def test_text_of_a_device_is_no_markup(served):
    _, page, _ = served.get("/compare?a=release-1&b=latest")

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_what_would_write_is_refused(served, method):
    status, _, headers = served.get("/", method=method)

    assert (status, headers["allow"]) == (405, "GET, HEAD")


def test_another_host_name_is_refused(served):
    assert served.get("/", Host="evil.example")[0] == 421


def test_the_store_of_a_page_refuses_to_write(database_url):
    Store.open(database_url).close()

    with Store.open(database_url, read_only=True) as store, pytest.raises(StoreError):
        telling.tell(store, telling.started())
    with Store.open(database_url) as store:
        assert store.runs() == ()


def test_charts_are_pictures_where_there_is_no_javascript(served):
    _, page, _ = served.get("/runs/latest")

    status, picture, headers = served.get(f"/runs/{NEW}/charts/pareto.svg")

    assert f'<noscript><img src="/runs/{NEW}/charts/pareto.svg"' in page
    assert (status, headers["content-type"]) == (200, "image/svg+xml")
    assert picture.startswith("<svg")


def test_files_beside_pages_are_kept_by_a_browser(served):
    _, page, _ = served.get("/runs/latest")
    address = page.partition('<script src="')[2].partition('"')[0]

    status, script, headers = served.get(address)

    assert (status, "vegaEmbed" in script) == (200, True)
    assert "immutable" in headers["cache-control"]


def happen(url, *events):
    with Store.open(url) as store:
        telling.tell(store, *events)


def lines_of(stream):
    """Yield the data of each event of a stream."""
    for line in stream:
        if line.startswith(b"data: "):
            yield line.removeprefix(b"data: ").strip()


def test_a_run_is_followed_while_another_process_stores_it(tmp_path):
    url = f"sqlite:///{tmp_path / 'farm.db'}"
    now = datetime.now(UTC)
    begun = telling.started(GOING, at=now, effort="standard")
    planned = run_event.Planned(run=GOING, at=now, plan=replace(telling.planned().plan, run=GOING))
    happen(url, begun, planned, telling.ready(GOING), telling.lane_started("lane-g", GOING))

    with serving(tmp_path) as served, urllib.request.urlopen(f"{served.url}runs/latest/events", timeout=60) as stream:  # noqa: S310
        _, page, _ = served.get("/runs/latest")
        changes = lines_of(stream)
        first = json.loads(next(changes))
        happen(url, telling.ended(run=GOING, lane="lane-g"))
        second = json.loads(next(changes))
        happen(url, telling.judged(run=GOING), run_event.RunEnded(run=GOING, exit_status=0))
        rest = list(changes)
        _, ended, _ = served.get("/runs/latest")

    assert "Going on" in page
    assert f'data-events="/runs/{GOING}/events"' in page
    assert 'http-equiv="refresh"' in page, "without JavaScript it comes again"
    assert "0 of 1 steps" in first
    assert "1 of 1 steps" in second
    assert rest[-1] == b"", "the stream ends with the run"
    assert "Every variant" in ended


def test_ctrl_c_ends_it_quietly_though_a_page_is_open(folder):
    with serving(folder) as served:
        stream = urllib.request.urlopen(f"{served.url}events", timeout=60)  # noqa: S310
        next(lines_of(stream))

        served.process.send_signal(signal.SIGINT)

        assert served.process.wait(timeout=300) == 130
        stream.close()
    assert (folder / "stderr.txt").read_text() == ""


def test_another_machine_gets_in_by_the_token_alone_and_no_process_list_shows_it(folder):
    with serving(folder, "--host", "0.0.0.0", "--network") as served:  # noqa: S104  that is what is tested
        address, _, token = served.url.partition("?token=")
        local = replace(served, url=address.replace("0.0.0.0", "127.0.0.1"))  # noqa: S104
        processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout

        assert len(token) >= 32
        assert token not in processes
        assert local.get("/")[0] == 403
        assert local.get("/", Cookie=f"farm_token={token[:-1]}")[0] == 403
        assert local.get("/", Cookie=f"farm_token={token}")[0] == 200
        assert local.get("/", Cookie=f"farm_token={token}", Host="evil.example")[0] == 421
    assert "other machines can reach 0.0.0.0" in (folder / "stderr.txt").read_text()


def test_a_network_needs_its_own_option(folder):
    with pytest.raises(UsageError, match="may be reached by other machines") as refused:
        command(host="0.0.0.0", inventory=folder / "inventory.yaml")  # noqa: S104
    assert "--network" in refused.value.hint


def test_a_port_that_is_taken_is_named(folder):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} of 127.0.0.1 is taken") as refused:
            command(port=port, inventory=folder / "inventory.yaml")
    assert refused.value.hint == "--port 0 takes a free one"


def test_an_address_that_is_not_of_this_machine_is_named(folder):
    with pytest.raises(UsageError, match=r"192\.0\.2\.1, port 0"):
        command(host="192.0.2.1", port=0, network=True, inventory=folder / "inventory.yaml")


def test_a_mistake_in_the_claims_is_named_before_it_serves(folder):
    (folder / "wrong.yaml").write_text("claims:\n- claim: x\n  sped: {at_least: 1}\n", encoding="utf-8")

    with pytest.raises(UsageError, match="did you mean 'speedup'"):
        command(claims=folder / "wrong.yaml", inventory=folder / "inventory.yaml")


def test_without_the_extra_it_is_named(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)

    with pytest.raises(UsageError, match="pages need uvicorn") as refused:
        command(port=0, inventory=folder / "inventory.yaml")
    assert refused.value.hint == "pip install 'edge-farm[web]'"


def test_a_database_may_come_go_and_come_back(tmp_path):
    with serving(tmp_path) as served:
        assert "No run yet" in served.get("/")[1]
        assert not (tmp_path / "farm.db").exists(), "a page creates no database"
        happen(
            f"sqlite:///{tmp_path / 'farm.db'}", telling.started(GOING), telling.ready(GOING), telling.judged(run=GOING)
        )
        assert served.get(f"/runs/{GOING}/results")[0] == 200
        (tmp_path / "farm.db").rename(tmp_path / "away.db")
        (tmp_path / "farm.db").mkdir()
        status, page, _ = served.get("/")
        (tmp_path / "farm.db").rmdir()
        (tmp_path / "away.db").rename(tmp_path / "farm.db")

        assert (status, "is a folder, not a database" in page) == (503, True)
        assert served.get(f"/runs/{GOING}")[0] == 200
