"""`farm web` in a real browser."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from orchestrator.domain import run_event
from orchestrator.store.store import Store
from orchestrator.testing import make_case, make_measurement
from tests.integration.test_compare import NEW, OLD
from tests.lab import telling
from tests.lab.served import HOSTILE, INT8, fill, serving

GOING = "20260301-000000-g01n"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("browsed")
    fill(folder)
    with serving(folder) as one:
        yield one


@pytest.fixture
def look(browser):
    """Return what opens an address; whatever the page complained of is in its ``complaints``."""
    with contextlib.ExitStack() as opened:

        def open_page(url, **options):
            context = browser.chromium.new_context(**options)
            opened.callback(context.close)
            page = context.new_page()
            page.complaints = []
            page.on("console", lambda line: page.complaints.append(line.text))
            page.on("pageerror", lambda error: page.complaints.append(str(error)))
            page.on(
                "request",
                lambda asked: page.complaints.extend(
                    [] if asked.url.startswith(("http://127.0.0.1", "data:", "blob:")) else [asked.url]
                ),
            )
            page.goto(url)
            return page

        yield open_page


def drawn(page):
    """Wait until every chart is drawn; return how many there are."""
    count = page.locator("[data-chart]").count()
    if count:
        page.locator(f"html[data-charts='{count}/{count}']").wait_for(state="attached", timeout=60_000)
    assert page.locator("[data-state=failed]").count() == 0
    return count


@pytest.mark.parametrize(
    "path",
    [
        "",
        "runs/latest",
        "devices",
        "devices/local",
        "compare?a=release-1&b=latest",
        "claims?baseline=release-1",
        f"cases/{INT8}",
    ],
)
def test_each_page_draws_what_it_has_without_a_complaint_or_a_foreign_request(served, look, path):
    page = look(served.url + path)

    charts = drawn(page)

    assert page.complaints == []
    assert page.locator("main h1").first.is_visible()
    assert (charts > 0) == path.startswith(("runs/", "cases/"))


def test_a_person_gets_from_the_list_of_runs_to_a_case(served, look):
    page = look(served.url)

    page.get_by_role("link", name=NEW).click()
    page.locator("#results tbody tr").filter(has_text="pi5").get_by_role("link", name="int8").click()

    assert page.url.endswith(f"/cases/pi5/tiny-cxr/int8/litert/t1/b1?run={NEW}")
    assert page.locator("h1").inner_text() == "pi5/tiny-cxr/int8/litert/t1/b1"


def test_two_runs_are_compared_by_a_form(served, look):
    page = look(f"{served.url}compare")

    page.get_by_label("before").select_option(OLD)
    page.get_by_label("after").select_option(NEW)
    page.get_by_role("button", name="Compare").click()

    assert page.locator("#results tbody tr").first.inner_text().startswith(str(INT8))
    page.get_by_label("Filter").fill("pi5")
    assert page.locator("output").inner_text() == "2 of 4"


def test_what_happens_arrives_without_a_reload(tmp_path, look):
    now = datetime.now(UTC)
    cases = [make_case(), make_case(scheme="int8")]
    plan = telling.planned().plan
    with Store.open(f"sqlite:///{tmp_path / 'farm.db'}") as store, serving(tmp_path) as served:
        page = look(served.url)
        page.evaluate("window.same = true")

        telling.tell(store, telling.started(GOING, at=now, effort="standard"))
        page.get_by_role("link", name=GOING).wait_for()
        assert page.evaluate("window.same"), "the list was not loaded again"

        page.get_by_role("link", name=GOING).click()
        page.evaluate("window.same = true")
        planned = run_event.Planned(run=GOING, at=now, plan=replace(plan, run=GOING))
        telling.tell(store, planned, telling.ready(GOING), telling.lane_started("lane-g", GOING))
        page.get_by_text("0 of 1 steps").wait_for()
        broken = make_measurement(case=cases[0], error=f"Killed by {HOSTILE}")
        telling.tell(store, telling.ended(broken, run=GOING, lane="lane-g"))
        page.get_by_text("1 of 1 steps").wait_for()
        page.get_by_text("Killed by <script>").wait_for()
        telling.tell(store, telling.judged(run=GOING))
        page.locator("#results tbody tr").wait_for()
        assert page.evaluate("window.same"), "the run was not loaded again"

        telling.tell(store, run_event.RunEnded(run=GOING, exit_status=0))
        page.get_by_text("Every variant").wait_for()

        assert page.complaints == []


def test_without_javascript_there_are_pictures_and_tables(served, look):
    page = look(f"{served.url}runs/latest", java_script_enabled=False)

    picture = page.locator("noscript img, figure img").first
    picture.scroll_into_view_if_needed()

    assert page.locator("#results tbody tr").count() == 4
    assert picture.is_visible()
    assert not page.get_by_label("Filter").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_scrolls_no_page_sideways(served, look, scheme):
    for path in ("", "runs/latest", f"cases/{INT8}", "compare?a=release-1&b=latest"):
        page = look(served.url + path, viewport={"width": 360, "height": 700}, color_scheme=scheme)
        wide = page.evaluate("document.documentElement.scrollWidth")
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")

        assert (path, wide) == (path, 360)
        assert ground == {"light": "rgb(251, 251, 249)", "dark": "rgb(16, 21, 28)"}[scheme]
