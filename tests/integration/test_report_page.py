"""A report in a real browser."""

from __future__ import annotations

import csv
import json
import re

import pytest

from orchestrator.reports.page.dossier import gather
from orchestrator.reports.page.render import page
from orchestrator.store.store import Store
from tests.lab.reported import HOSTILE, HOSTILE_NAME, fill


def made(folder, **how):
    url = fill(folder, **how)
    with Store.open(url) as store:
        dossier = gather(store, "latest", folder / ".farm" / "blobs")
    path = folder / "report.html"
    path.write_text(page(dossier), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return made(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def opened(browser, report):
    with browser.open(report) as one:
        one.drawn()
        yield one


@pytest.fixture
def screen(opened):
    """The open page as it was at first."""
    yield opened.page
    opened.page.locator("#show-all").click()
    opened.page.locator("[data-filters=results]").fill("")


def visible(screen, selector):
    return [each for each in screen.locator(selector).all() if each.is_visible()]


def test_every_chart_is_drawn_without_a_word_on_the_console_or_a_request(opened):
    drawings = opened.page.locator("[data-chart]").all()

    assert {each.get_attribute("data-state") for each in drawings} == {"drawn"}
    assert all(
        each.locator("svg .mark-group path, svg .mark-group rect, svg .mark-symbol path").count() for each in drawings
    )
    names = {re.sub(r"-?[0-9].*", "", str(each.get_attribute("data-chart"))) for each in drawings}
    kinds = ("pareto", "ecdf", "course", "forest", "heatmap", "accuracy", "roc", "start", "breakeven", "operators")
    assert names == set(kinds)
    assert opened.console == []
    assert all(url.startswith(("file:", "data:")) for url in opened.requests)


def test_the_first_screen_has_the_answer(screen):
    assert screen.locator("h1").inner_text() == "Deploy int8 on both devices"
    assert screen.locator("h1").bounding_box()["y"] < 200
    assert "faster than float32 on 2 of 2" in screen.locator(".lead").inner_text()
    assert screen.locator(".card").count() == 2


def test_a_point_tells_its_figures(screen):
    screen.locator("#pareto .mark-symbol.role-mark path").last.hover(force=True)

    tip = screen.locator("#vg-tooltip-element")
    tip.wait_for(state="visible", timeout=60_000)
    assert "latency" in tip.inner_text()
    assert "ms" in tip.inner_text()


def test_a_click_on_the_legend_fades_the_other_schemes(screen):
    faint = "#ecdf-0 .mark-line path[opacity='0.08']"
    lines = screen.locator("#ecdf-0 .mark-line path").count()

    screen.locator("#ecdf-0 .role-legend-symbol path").first.click(force=True)
    screen.wait_for_timeout(200)

    assert screen.locator(faint).count() == lines * 2 // 3
    screen.locator("#ecdf-0 svg.marks").dblclick(position={"x": 5, "y": 5})


def test_words_filter_the_table(screen):
    screen.locator("[data-filters=results]").fill("int8 PI5")

    assert len(visible(screen, "#results tbody tr")) == 1
    assert screen.locator("[data-counts=results]").inner_text() == "1 of 6"


def test_a_cell_of_the_matrix_narrows_the_rest_of_the_page_with_its_charts(screen):
    points = "#pareto .mark-symbol.role-mark path"
    before = screen.locator(points).count()

    screen.locator("button[data-pick-device=pi5][data-pick-scheme=int8]").click()

    assert len(visible(screen, "#results tbody tr")) == 1
    assert [each.get_attribute("data-device") for each in visible(screen, ".card")] == ["pi5"]
    assert {each.get_attribute("data-device") for each in visible(screen, "#latency figure")} == {"pi5"}
    screen.wait_for_timeout(200)
    assert screen.locator(points).count() == 1 < before == 6
    screen.locator("#show-all").click()
    screen.wait_for_timeout(200)
    assert screen.locator(points).count() == before
    assert len(visible(screen, ".card")) == 2


def test_a_click_sorts_by_number_and_another_one_the_other_way(screen):
    head = screen.locator("#results thead th", has_text="p50")

    def order():
        column = [each.inner_text() for each in screen.locator("#results thead th").all()].index(head.inner_text())
        return [
            float(row.locator("td").nth(column).get_attribute("data-sort"))
            for row in screen.locator("#results tbody tr").all()
        ]

    head.locator("button").click()
    up = order()
    head.locator("button").click()

    assert up == sorted(up)
    assert order() == sorted(up, reverse=True)
    assert head.get_attribute("aria-sort") == "descending"


def test_the_finding_of_the_roc_curves_can_be_chosen(screen):
    line = screen.locator("#roc-0 .mark-line path").first
    before = line.get_attribute("d")

    screen.locator("#roc-0 select").select_option("Nodule")
    screen.wait_for_timeout(200)

    assert line.get_attribute("d") != before


def test_the_data_can_be_saved(screen):
    with screen.expect_download() as waiting:
        screen.locator("a.download", has_text="CSV").click()
    rows = list(csv.DictReader(waiting.value.path().read_text(encoding="utf-8").splitlines()))
    with screen.expect_download() as waiting:
        screen.locator("a.download", has_text="JSON").click()
    plain = json.loads(waiting.value.path().read_text(encoding="utf-8"))

    assert len(rows) == 6
    assert len(plain["comparisons"]) == 4
    assert {each["samples"] for attempts in plain["attempts"].values() for each in attempts} == {300}


def contrast(opened, selector):
    """Return the contrast of a text with the page's ground, as WCAG 2 counts it."""
    code = "element => [getComputedStyle(element).color, getComputedStyle(document.body).backgroundColor]"
    colours = opened.page.locator(selector).first.evaluate(code)

    def luminance(text):
        parts = [int(part) / 255 for part in re.findall(r"[0-9]+", text)[:3]]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted(map(luminance, colours))
    return (high + 0.05) / (low + 0.05)


def test_light_and_dark_are_readable_and_can_be_switched(browser, report):
    with browser.open(report, scheme="dark") as dark:
        ground = "getComputedStyle(document.body).backgroundColor"
        before = dark.page.evaluate(ground)
        readable = contrast(dark, "h2"), contrast(dark, "#pareto text"), contrast(dark, ".muted")
        dark.page.locator("#theme").click()

        assert before != dark.page.evaluate(ground)
        assert min(readable) > 4.5
        assert min(contrast(dark, "h2"), contrast(dark, "#pareto text"), contrast(dark, ".muted")) > 4.5


def test_a_phone_shows_it_without_scrolling_sideways(browser, report):
    with browser.open(report, width=360, height=740) as phone:
        phone.drawn()

        assert phone.page.evaluate("document.documentElement.scrollWidth") <= 360
        widths = [each.bounding_box()["width"] for each in phone.page.locator("[data-chart] svg.marks").all()]
        assert max(widths) <= 360


def test_paper_has_the_charts_and_no_buttons(opened):
    opened.page.emulate_media(media="print")
    hidden = [opened.page.locator(selector).is_visible() for selector in ("#theme", ".narrow", ".tools")]
    shown = opened.page.locator("#pareto svg.marks").is_visible()
    paper = opened.page.pdf(format="A4", print_background=True)
    opened.page.emulate_media(media="screen")

    assert not any(hidden)
    assert shown
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", paper)) <= 20


def test_what_a_device_sends_is_text_and_nothing_else(browser, tmp_path):
    report = made(tmp_path, hostile=True)

    with browser.open(report) as page:
        page.drawn()

        assert page.page.evaluate("window.hacked === undefined")
        assert page.page.locator("img").count() == 0
        assert HOSTILE_NAME in page.page.locator(".card h3").all_inner_texts()
        assert HOSTILE in page.page.locator("#methods p").inner_text()
        assert "secret-host" not in report.read_text(encoding="utf-8")
        assert page.console == []
        assert all(url.startswith(("file:", "data:")) for url in page.requests)


def test_the_page_runs_no_script_but_its_own(browser, report):
    with browser.open(report) as page:
        page.page.evaluate(
            "() => { const one = document.createElement('script'); one.text = 'window.hacked = 1'; document.body.append(one); }"
        )

        assert page.page.evaluate("window.hacked === undefined")
        assert any("Content Security Policy" in line for line in page.console)
