"""Results as people and programs read them."""

from __future__ import annotations

import io
import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from rich.table import Table

from orchestrator.reports import case_detail as show
from orchestrator.reports import case_table as table
from orchestrator.reports import json as json_report
from orchestrator.reports import no_results
from orchestrator.reports.whole_table import print_whole
from orchestrator.store.rows import ResultRow, RunRow
from orchestrator.testing import MIDNIGHT, make_artifact, make_case, make_measurement, make_scores

#: The contract with everybody's programs: a key may be added, never renamed or taken away.
KEYS = [
    *("case", "run", "device", "model", "scheme", "runtime", "threads", "batch", "interpreters"),
    *("dataset", "synthetic", "effort"),
    *("artifact", "size_bytes", "size_ratio", "load_ns", "first_ns", "p50_ns", "p90_ns", "p99_ns"),
    *("samples", "attempts", "speedup", "auc_mean", "auc_change", "peak_rss_bytes"),
    *("verdict", "reasons", "measured_at"),
    *("p50_low_ns", "p50_high_ns", "p90_low_ns", "p90_high_ns", "p95_ns", "p999_ns", "invocations_per_sample"),
    *("outliers_low", "outliers_mild", "outliers_severe"),
    *("images_per_s", "images_per_s_low", "images_per_s_high"),
    *("energy_j", "energy_low_j", "energy_high_j", "energy_idle_j"),
    *("first_minute_ns", "last_minute_ns", "import_ns", "auc_low", "auc_high"),
    *("auc_change_low", "auc_change_high", "auc_findings", "auc_findings_left_out"),
]
SHOW_KEYS = ["attempt_list", "auc_by_class", "facts", "recipe", "checks"]
ATTEMPT_KEYS = [
    *("number", "started_at", "wall_ns", "error", "unloadable", "import_ns", "context_ns", "load_ns", "first_ns"),
    *("warmup_ns", "latency_ns", "invocations_per_sample", "span_ns", "feed_ns", "read_ns", "clock_ns", "loop_ns"),
    *("peak_rss_bytes", "readings", "requested", "effective", "versions"),
    *("golden_max_difference", "golden_mean_difference"),
]


IDENTITY = ("device", "model", "scheme", "runtime", "threads", "batch", "interpreters")


def make_row(**changes):
    case = make_case(**{name: changes.pop(name) for name in IDENTITY if name in changes})
    row = ResultRow(
        case=str(case),
        run="20260101-000000-abcd",
        **{name: getattr(case, name) for name in IDENTITY},
        dataset="phantom",
        synthetic=False,
        effort="quick",
        artifact="a" * 64,
        size_bytes=123_456,
        size_ratio=1.0,
        load_ns=5_000_000.0,
        first_ns=2_000_000.0,
        p50_ns=1_234_567.0,
        p90_ns=2_345_678.0,
        p99_ns=None,
        samples=384,
        attempts=3,
        speedup=1.0,
        auc_mean=0.91234,
        auc_change=0.0,
        peak_rss_bytes=50_000_000,
        verdict="VALID",
        reasons=(),
        measured_at=MIDNIGHT,
    )
    return replace(row, **changes)


def reason(verdict="WARN", code="drift", message="2 of 3 attempts got slower", advice="let it cool down"):
    return {"verdict": verdict, "code": code, "message": message, "advice": advice}


def printed(render, *arguments, width=80):
    """Return what a person sees in a terminal of this width, line by line, without colours."""
    screen = Console(file=io.StringIO(), width=width, color_system=None, highlight=False)
    render(*arguments, screen)
    return screen.file.getvalue().splitlines()


def widest_rows():
    """Rows whose every cell is as wide as it gets."""
    wide = {"size_bytes": 123_000_000, "size_ratio": 123.4, "speedup": 0.0123, "auc_mean": 0.5, "auc_change": -0.1234}
    return [
        make_row(
            scheme="float32", p50_ns=123_456_789.0, p90_ns=None, p99_ns=None, samples=11, verdict="INVALID", **wide
        ),
        make_row(scheme="dynamic", p50_ns=None, p90_ns=None, samples=1, verdict="INVALID", **wide),
        make_row(scheme="int16x8", p50_ns=None, p90_ns=None, samples=10, verdict="WARN", **wide),
        make_row(scheme="float16", p50_ns=123_456.0, p50_low_ns=1.0, p50_high_ns=246_000.0, p90_ns=999_400.0, **wide),
    ]


@pytest.mark.parametrize("width", [80, 120])
def test_no_cell_is_cut_short(width):
    lines = printed(table.show, widest_rows(), width=width)

    text = "\n".join(lines)
    assert "…" not in text
    assert all(len(line) <= width for line in lines if "─" in line or "float" in line)
    header, rows = lines[1], [line for line in lines if line.startswith(("float32", "dynamic", "int16x8", "float16"))]
    assert len(rows) == 4, "every row is one line"
    for name in ("scheme", "size", "ratio", "p50", "p90", "speed", "AUC", "change", "verdict"):
        assert name in header
    for words in ("123 MB", "123×", "123 ms", "0.5000", "-0.1234", "INVALID"):
        assert words in rows[0]


def test_a_terminal_too_narrow_for_the_table_cuts_no_figure_and_no_scheme():
    narrow, wide = (printed(table.show, widest_rows(), width=width) for width in (40, 80))

    def figures(lines):
        return [line.split() for line in lines if line.startswith(("float32", "dynamic", "int16x8", "float16"))]

    assert figures(narrow) == figures(wide)


def test_a_history_on_a_narrow_terminal_breaks_no_word():
    wide = Table("run", "change")
    wide.columns[0].no_wrap = True
    wide.add_row("20261127-095821-2880", "not comparable, INVALID")

    text = "\n".join(printed(print_whole, wide, width=24))

    for word in ("20261127-095821-2880", "comparable,", "INVALID"):
        assert word in text


TABLE = {
    80: """\
scheme    size ratio         p50      p90        speed    AUC  change verdict
─────────────────────────────────────────────────────────────────────────────
float32 123 kB 1.00×     1.23 ms  2.35 ms         same 0.9123  0.0000 VALID
float16 123 kB 1.90× 1.23 ms ±3%  2.35 ms 1.02× slower 0.9123 -0.0001 WARN
dynamic 123 kB 1.95×     1.23 ms  2.35 ms 2.10× faster 0.9123  0.0000 VALID
int8    123 kB 3.90×     +6 more +59 more            - 0.8802 -0.0321 INVALID
""",
    120: """\
scheme     size  ratio          p50       p90         speed     AUC   change  verdict
─────────────────────────────────────────────────────────────────────────────────────
float32  123 kB  1.00×      1.23 ms   2.35 ms          same  0.9123   0.0000  VALID
float16  123 kB  1.90×  1.23 ms ±3%   2.35 ms  1.02× slower  0.9123  -0.0001  WARN
dynamic  123 kB  1.95×      1.23 ms   2.35 ms  2.10× faster  0.9123   0.0000  VALID
int8     123 kB  3.90×      +6 more  +59 more             -  0.8802  -0.0321  INVALID
""",
}
TITLE = "tiny-cxr on local, litert, 1 thread, dataset phantom (synthetic images), effort standard\n"
NEEDS = """
+N more: a p50 takes 11 invocations, a p90 64
WARN float16, int8: 2 of 3 attempts got slower; let it cool down
"""
REASON = {
    80: "INVALID int8: 1 of 5 attempts failed: Killed by signal 9; these are the worker's\nlast words of all\n",
    120: "INVALID int8: 1 of 5 attempts failed: Killed by signal 9; these are the worker's last words of all\n",
}


def test_throughput_is_a_table_of_its_own_with_images_per_second():
    offline = make_row(
        interpreters=2, batch=8, images_per_s=18_346.87, images_per_s_low=18_000.0, images_per_s_high=19_000.0
    )

    lines = printed(table.show, [make_row(), offline])

    title, header, _, row = lines[-4:]
    assert title.startswith("tiny-cxr on local, litert, 1 thread, batch 8, throughput of 2 interpreters side by side,")
    assert header.split() == ["scheme", "size", "ratio", "images/s", "speed", "AUC", "change", "verdict"]
    assert "18,346.9 ±4%" in row
    assert lines[1].split()[3:5] == ["p50", "p90"], "the latency of one after the other stays apart"


def test_short_invocations_that_were_timed_together_are_told():
    lines = printed(table.show, [make_row(invocations_per_sample=3.0), make_row(scheme="int8")], width=120)

    assert any("were timed 3 at a time: percentiles are those of their means" in line for line in lines)
    assert not any("at a time" in line for line in printed(table.show, [make_row(invocations_per_sample=1.0)]))


@pytest.mark.parametrize("width", [80, 120])
def test_a_table_looks_like_this(width):
    own = {"effort": "standard", "synthetic": True}
    failed = reason(
        "INVALID",
        "attempt-failed",
        "1 of 5 attempts failed: Killed by signal 9",
        "these are the worker's last words of all",
    )
    rows = [
        make_row(**own),
        make_row(
            scheme="float16", size_ratio=1.9, speedup=0.98, auc_change=-0.0001, verdict="WARN", reasons=(reason(),),
            p50_low_ns=1_200_000.0, p50_high_ns=1_250_000.0, **own,
        ),
        make_row(scheme="dynamic", size_ratio=1.95, speedup=2.1, **own),
        make_row(
            scheme="int8", size_ratio=3.9, p50_ns=None, p90_ns=None, samples=5, speedup=None, auc_mean=0.8802,
            auc_change=-0.0321, verdict="INVALID", reasons=(reason(), failed), **own,
        ),
    ]  # fmt: skip

    lines = printed(table.show, rows, width=width)

    assert "\n".join(line.rstrip() for line in lines) + "\n" == TITLE + TABLE[width] + NEEDS + REASON[width]


def test_a_scheme_with_a_long_name_is_shown_whole():
    name = "int8-with-per-channel-weights-and-a-float-head"

    text = "\n".join(printed(table.show, [make_row(scheme=name), make_row(scheme="int8")]))

    assert "…" not in text
    parts = [line.split(" ")[0] for line in text.splitlines() if line[:1].isalnum() or line[:1] == "-"]
    assert name in "".join(parts)


def test_a_percentile_that_the_sample_does_not_carry_says_how_many_are_missing():
    few = make_row(p50_ns=None, p90_ns=None, samples=10)
    some = make_row(p90_ns=None, samples=63, scheme="int8")
    none = make_row(p50_ns=None, p90_ns=None, samples=0, scheme="float16", auc_mean=None)

    lines = printed(table.show, [few, some, none])

    (first,) = [line for line in lines if line.startswith("float32")]
    (second,) = [line for line in lines if line.startswith("int8")]
    (third,) = [line for line in lines if line.startswith("float16")]
    assert "+1 more" in first
    assert "+54 more" in first
    assert "1.23 ms" in second
    assert "+1 more" in second
    assert "more" not in third
    assert third.split().count("-") == 3
    assert lines[-1] == "+N more: a p50 takes 11 invocations, a p90 64"


def test_cells_say_size_ratio_latency_and_accuracy():
    (line,) = [
        line
        for line in printed(table.show, [make_row(size_ratio=3.456, speedup=0.5, auc_change=-0.00001)])
        if line.startswith("float32")
    ]

    assert line.split() == [
        *("float32", "123", "kB", "3.46×", "1.23", "ms", "2.35", "ms", "2.00×", "slower", "0.9123", "0.0000", "VALID"),
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [(0.0123, "+0.0123"), (-0.0123, "-0.0123"), (0.00001, "0.0000"), (-0.00001, "0.0000"), (None, "-")],
)
def test_a_change_has_a_sign_unless_it_is_nothing(change, words):
    (line,) = [line for line in printed(table.show, [make_row(auc_change=change)]) if line.startswith("float32")]

    assert line.split()[-2] == words


def test_synthetic_images_are_said_above_the_table():
    drawn = printed(table.show, [make_row(synthetic=True)])[0]
    real = printed(table.show, [make_row()])[0]

    assert drawn == "tiny-cxr on local, litert, 1 thread, dataset phantom (synthetic images), effort quick"
    assert real == "tiny-cxr on local, litert, 1 thread, dataset phantom, effort quick"


def test_every_setting_has_a_table_of_its_own():
    rows = [
        make_row(),
        make_row(scheme="int8", effort="smoke"),
        make_row(scheme="dynamic"),
        make_row(threads=4),
        make_row(device="pi5-a", dataset="other", synthetic=True),
    ]

    lines = printed(table.show, rows)

    titles = [line for line in lines if " on " in line]
    assert titles == [
        "tiny-cxr on local, litert, 1 thread, dataset phantom, effort quick",
        "tiny-cxr on local, litert, 1 thread, dataset phantom, effort smoke",
        "tiny-cxr on local, litert, 4 threads, dataset phantom, effort quick",
        "tiny-cxr on pi5-a, litert, 1 thread, dataset other (synthetic images), effort quick",
    ]
    assert [line.split()[0] for line in lines if "kB" in line] == ["float32", "dynamic", "int8", "float32", "float32"]


def test_drawn_and_real_images_never_share_a_table_even_under_one_name():
    lines = printed(table.show, [make_row(), make_row(scheme="int8", synthetic=True)])

    assert [" (synthetic images)" in line for line in lines if " on " in line] == [False, True]


def test_a_batch_is_said_where_there_is_one():
    assert ", 1 thread, batch 8, dataset" in printed(table.show, [replace(make_row(), batch=8)])[0]


def test_equal_reasons_are_one_line_with_their_schemes():
    rows = [
        make_row(verdict="WARN", reasons=(reason(), reason(code="smoke", message="wiring only", advice="more"))),
        make_row(scheme="int8", verdict="WARN", reasons=(reason(code="smoke", message="wiring only", advice="more"),)),
        make_row(
            scheme="dynamic",
            verdict="WARN",
            reasons=(
                reason(message="1 of 3 attempts got slower"),
                reason(code="smoke", message="wiring only", advice="more"),
            ),
        ),
    ]

    lines = printed(table.show, rows, width=200)

    assert lines[-2:] == [
        "WARN float32, dynamic: 2 of 3 attempts got slower (and 1 like it); let it cool down",
        "WARN all: wiring only; more",
    ]


def test_last_words_of_many_lines_become_one_short_line():
    words = "Traceback\n  File x\n" + "y" * 5000
    rows = [make_row(verdict="INVALID", reasons=(reason("INVALID", "attempt-failed", words),))]

    (line,) = [line for line in printed(table.show, rows, width=1000) if line.startswith("INVALID")]

    assert line.startswith("INVALID float32: Traceback File x yyy")
    assert "…; let it cool down" in line
    assert len(line) < 400


def test_without_reasons_nothing_is_below_the_table():
    assert printed(table.show, [make_row()])[-1].startswith("float32")


MARKUP = "[red]x[/] [/] [bold"


def test_names_that_look_like_markup_are_shown_as_they_are():
    row = make_row(
        device="[pi]", model="[/]", scheme="[b]", verdict="WARN", reasons=(reason(message=MARKUP, advice=MARKUP),)
    )
    row = replace(row, dataset="[link=x]", runtime="[dim]")

    text = "\n".join(printed(table.show, [row], width=200))

    assert "[/] on [pi], [dim], 1 thread, dataset [link=x], effort quick" in text
    assert "\n[b] " in text
    assert f"WARN [b]: {MARKUP}; {MARKUP}" in text


def test_no_rows_are_no_table():
    assert printed(table.show, []) == []


def make_run(**changes):
    row = RunRow(
        id="20260101-000000-abcd",
        started_at=MIDNIGHT,
        ended_at=MIDNIGHT,
        suite={},
        seed=0,
        effort="quick",
        dataset="phantom",
        synthetic=True,
        farm_version="0.1.0",
        exit_status=0,
        devices=("local",),
        cases=1,
        verdicts={"VALID": 1},
    )
    return replace(row, **changes)


@pytest.mark.parametrize(
    ("known", "filters", "run", "words"),
    [
        ([], {"device": None}, None, "no results here yet; start with: farm run"),
        ([], {"device": "pi5-a"}, None, "no results here yet; start with: farm run"),
        ([], {}, make_run(), "run 20260101-000000-abcd ended without results"),
        (
            [],
            {"device": "pi5-a"},
            make_run(exit_status=None, ended_at=None),
            "run 20260101-000000-abcd has no results yet; if it was broken off: farm run --resume 20260101-000000-abcd",
        ),
        (
            [make_row(), make_row(scheme="int8", threads=4)],
            {"scheme": "int8", "threads": 2},
            None,
            "no result with threads '2'; there is 1, 4",
        ),
        (
            [make_row(), make_row(scheme="int8", threads=4)],
            {"scheme": "int8", "threads": 1},
            make_run(),
            "no result has all of this at once in run 20260101-000000-abcd; farm results shows what there is",
        ),
    ],
    ids=["new", "new and narrowed", "nothing worked", "broken off", "a number", "not together"],
)
def test_an_empty_list_says_why(known, filters, run, words):
    assert no_results.explain(known, filters, run) == words


def test_json_keys_stay():
    (found,) = json.loads(json_report.render([make_row(reasons=(reason(),))]))

    assert list(found) == KEYS
    assert found["measured_at"] == "2026-01-01T00:00:00+00:00"
    assert found["reasons"] == [reason()]
    assert found["p99_ns"] is None
    assert (found["case"], found["threads"], found["synthetic"]) == ("local/tiny-cxr/float32/litert/t1/b1", 1, False)
    assert json.loads(json_report.render([])) == []


def test_json_of_one_case_has_every_sample_and_what_explains_it():
    measurement = make_measurement((5, 7), readings=({"at_ns": 1, "temperature_c": 50.5},))
    arguments = (make_row(), [measurement], make_scores(), {"cores": 4}, make_artifact())

    found = json.loads(show.as_json(*arguments))

    assert list(found) == KEYS + SHOW_KEYS
    (attempt,) = found["attempt_list"]
    assert list(attempt) == ATTEMPT_KEYS
    assert attempt["latency_ns"] == [5, 7]
    assert attempt["started_at"] == "2026-01-01T00:00:00+00:00"
    assert attempt["readings"] == [{"at_ns": 1, "temperature_c": 50.5}]
    assert (found["auc_by_class"], found["facts"]) == ({"Nodule": 1.0}, {"cores": 4})
    assert (found["recipe"], found["checks"]) == ({"scheme": "float32"}, {"max_abs_difference": 0.0})


def test_json_of_a_case_about_which_nothing_is_known_has_the_same_keys():
    found = json.loads(show.as_json(make_row(artifact=None), [], None, {}, None))

    assert list(found) == KEYS + SHOW_KEYS
    assert [found[key] for key in SHOW_KEYS] == [[], {}, {}, None, None]


@pytest.mark.parametrize("width", [80, 120])
def test_one_case_is_shown_with_all_that_explains_it(width):
    measurements = [
        make_measurement(range(1_000_000, 1_000_128), readings=({"at_ns": 1, "temperature_c": 61.0}, {"at_ns": 2})),
        make_measurement(
            (),
            attempt="b",
            number=2,
            error="Traceback:\n  deep\nMemoryError: [/] it was all too much for this poor little worker\n",
            effective=None,
            requested=None,
            versions=None,
        ),
    ]
    scores = make_scores(classes=("Nodule", "[/]"), auc=(0.87654, None), device_auc=(0.87654, None))
    facts = {"cores": 4, "cpu": "[bold]Cortex", "memory": {"total_bytes": 1}}

    row = make_row(auc_low=0.85, auc_high=0.9)
    lines = printed(show.show, row, measurements, scores, facts, make_artifact(), width=width)

    text = "\n".join(lines)
    assert lines[0] == "local/tiny-cxr/float32/litert/t1/b1  run 20260101-000000-abcd, 2026-01-01 00:00 UTC"
    assert "…" not in text.replace("aaaaaaaaaaaaaaaa…", "")
    (first,) = [line for line in lines if line.split()[:1] == ["1"]]
    assert first.split() == [
        *("1", "5.00", "ms", "2.00", "ms", "2", "128", "1.00", "ms", "1.00", "ms", "1.00", "ms", "50.0", "MB", "61"),
    ]
    assert "no. 2 failed: MemoryError: [/] it was all too much for this poor little worker" in " ".join(text.split())
    assert "AUC-ROC on 2 images, mean 0.9123 (0.8500 to 0.9000 with 95 %)" in text
    assert ["Nodule", "0.8765"] in [line.split() for line in lines]
    assert ["[/]", "-"] in [line.split() for line in lines]
    assert ["delegate", "xnnpack"] in [line.split() for line in lines]
    assert ["cpu", "[bold]Cortex"] in [line.split() for line in lines]
    assert ["memory", '{"total_bytes":', "1}"] in [line.split() for line in lines]
    assert ["ai-edge-litert", "2.3.0"] in [line.split() for line in lines]
    assert ["max_abs_difference", "0.0"] in [line.split() for line in lines]


@pytest.mark.parametrize(
    ("samples", "said"), [(range(1_000_000, 1_640_000, 10_000), "1.63 ms"), ([1_000_000] * 63, None)]
)
def test_effort_mlperf_says_the_percentile_as_mlperf_estimates_it(samples, said):
    lines = printed(show.show, make_row(effort="mlperf"), [make_measurement(samples)], None, {}, None, width=120)

    found = [line.rpartition(": ")[2] for line in lines if "as MLPerf estimates it" in line]
    assert found == ([] if said is None else [said])


def test_a_case_about_which_nothing_is_known_is_shown():
    lines = printed(show.show, make_row(artifact=None, p50_ns=None, p90_ns=None), [], None, {}, None)

    assert lines[0].startswith("local/tiny-cxr")
    assert not [line for line in lines if "AUC-ROC on" in line]


def test_a_scoring_that_failed_is_shown_with_its_last_words():
    scores = make_scores(error="Traceback\nValueError: [/] no images", auc=(), device_auc=(), scores=b"", shape=(0, 0))

    text = "\n".join(printed(show.show, make_row(), [], scores, {}, None))

    assert "ValueError: [/] no images" in text


def test_what_was_timed_in_batches_says_how_many_invocations_a_sample_has():
    one = make_measurement([3_000_000] * 64)
    batches = replace(one, number=2, invocations_per_sample=16)

    alone, mixed = (
        "\n".join(printed(show.show, make_row(), attempts, None, {}, None)) for attempts in ([one], [one, batches])
    )

    assert "invocations in a row" not in alone
    assert "a sample is 1 or 16 invocations in a row" in mixed


def test_a_table_of_attempts_with_many_samples_fits_80_columns():
    many = make_measurement([63_300_000] * 1_048_576, load_ns=1_400_000, first_ns=198_000)

    lines = printed(show.show, make_row(), [replace(many, peak_rss_bytes=55_300_000)], None, {}, None, width=80)

    attempt = next(line for line in lines if line.split()[:1] == ["1"])
    assert "1048576" in attempt.split()
    assert "…" not in attempt


def test_a_histogram_ends_at_the_99th_percentile_and_tells_of_the_rest():
    bars, axis, words = show.histogram(np.array([1e6] * 500 + [2e6] * 490 + [9e7] * 10))

    assert bars.strip() == "█" + " " * (show.BINS - 2) + "█"
    assert axis.split() == ["1.00", "ms", "2.00", "ms"]
    assert words.strip() == "1000 samples, 10 of them slower than shown, the slowest 90.0 ms"


def test_a_bar_with_a_single_sample_can_be_seen():
    bars, *_ = show.histogram(np.array([*([1e3] * 10_000), 1.5e3, *([2e3] * 10_000)]))

    assert bars.strip().replace(" ", "") == "█▁█"


@pytest.mark.parametrize(
    ("samples", "lines"),
    [([], []), ([5], []), ([5] * 9, ["  all 9 samples: 5 ns"])],
    ids=["none", "one", "all alike"],
)
def test_a_histogram_of_hardly_anything_is_short(samples, lines):
    assert show.histogram(np.array(samples, np.float64)) == lines


def test_a_histogram_of_alike_samples_tells_of_the_one_that_is_not():
    text = " ".join(show.histogram(np.array([1e3] * 999 + [1e9])))

    assert "1.00 s" in text


PAGE = (Path(__file__).parents[2] / "docs" / "results.md").read_text(encoding="utf-8")


def test_every_key_is_on_the_page_about_results():
    assert [field.name for field in fields(ResultRow)] == KEYS

    names = {*KEYS, *SHOW_KEYS, *ATTEMPT_KEYS, *(field.name for field in fields(RunRow)), *reason()}
    assert not [name for name in sorted(names) if f"`{name}`" not in PAGE]


def test_every_table_is_on_the_page_about_results():
    from orchestrator.store.schema import Base

    assert not [name for name in Base.metadata.tables if f"`{name}`" not in PAGE]


@pytest.mark.parametrize(("counts", "words"), [([4], "4"), ([15, 4], "4 or 15"), ([16, 4, 15], "4, 15 or 16")])
def test_several_numbers_of_invocations_are_listed_from_small_to_large(counts, words):
    assert table.listed(counts) == words
