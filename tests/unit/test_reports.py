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

from orchestrator.analysis.compare import Comparison
from orchestrator.analysis.significance import CANT_TELL, FASTER, NOTHING_SEEN, SLOWER, Difference
from orchestrator.analysis.stats import Interval
from orchestrator.analysis.table_rows import TableRow
from orchestrator.reports import case_detail as show
from orchestrator.reports import case_table as table
from orchestrator.reports import json as json_report
from orchestrator.reports import no_results
from orchestrator.reports.whole_table import print_whole
from orchestrator.store.rows import ResultRow, RunRow
from orchestrator.testing import MIDNIGHT, make_artifact, make_case, make_measurement, make_scores

#: The contract with everybody's programs: a key may be added, never renamed or taken away.
AGAINST_FLOAT32 = ("speedup_low", "speedup_high", "difference", "smallest", "attempts_needed")
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
    *("auc_change_low", "auc_change_high", "auc_findings", "auc_findings_left_out", "scored_in"),
    *AGAINST_FLOAT32,
]
SHOW_KEYS = ["attempt_list", "auc_by_class", "facts", "recipe", "checks"]
ATTEMPT_KEYS = [
    *("number", "started_at", "wall_ns", "error", "unloadable", "import_ns", "context_ns", "load_ns", "first_ns"),
    *("warmup_ns", "latency_ns", "invocations_per_sample", "span_ns", "feed_ns", "read_ns"),
    *("pre_ns", "preparations_ns", "clock_ns", "loop_ns"),
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


def make_pair(row, speedup=None, verdict=NOTHING_SEEN, **changes):
    """Return a comparison with float32 of which the interval reaches 10 % to either side."""
    ratio = 1 / (speedup or 1)
    difference = Difference(
        ratio=ratio,
        interval=Interval(low=ratio / 1.1, high=ratio * 1.1),
        p_value=0.001,
        p_adjusted=0.002,
        smallest=0.04,
        attempts_needed=9,
        error=0.05,
        df=20.0,
    )
    fields = {"a": make_row(), "b": row, "verdict": verdict, "blockers": (), "notes": (), "compared": "latency"}
    return Comparison(**(fields | {"difference": difference, "floors": {}, "auc_change": row.auc_change} | changes))


def beside(row, **changes):
    """Return a row of a table: float32 stands alone, others are compared with it."""
    if row.scheme == "float32":
        return TableRow(row=row, against=None)
    speedup = row.speedup
    verdict = NOTHING_SEEN if speedup in (None, 1.0) else FASTER if speedup > 1 else SLOWER
    return TableRow(row=row, against=make_pair(row, speedup, **({"verdict": verdict} | changes)))


def shown(rows, screen):
    table.show([each if isinstance(each, TableRow) else beside(each) for each in rows], screen)


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


def test_a_mean_that_leaves_findings_out_is_said_to():
    rare = {"auc_findings": 13.0, "auc_findings_left_out": 1.0, "auc_low": 0.85, "auc_high": 0.95}
    rows = [make_row(scheme=scheme, **rare) for scheme in ("float32", "int8")]

    text = " ".join(" ".join(printed(shown, rows, width=200)).split())
    alone = " ".join(printed(show.show, rows[0], [], make_scores(), {}, None, width=120))

    assert text.count("AUC: the mean over 13 findings; 1 more has too few patients for an interval") == 1
    assert "mean over 13 of them 0.9123" in alone
    assert "the mean over" not in " ".join(printed(shown, [make_row(auc_findings=14.0, auc_findings_left_out=0.0)]))


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_figure_is_cut_short(width):
    text = "\n".join(printed(shown, widest_rows(), width=width))

    assert "…" not in text
    for words in (
        "123 MB",
        "123 ms",
        "-99 %".replace("-", "−"),
        "81.3×",
        "AUC 0.5000",
        "−0.1234",
        "INVALID",
        "int16x8",
    ):
        assert words in text


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_table_is_no_wider_than_the_terminal(width):
    assert all(len(line) <= width for line in printed(shown, widest_rows(), width=width))


def test_a_history_on_a_narrow_terminal_breaks_no_word():
    wide = Table("run", "change")
    wide.columns[0].no_wrap = True
    wide.add_row("20261127-095821-2880", "not comparable, INVALID")

    text = "\n".join(printed(print_whole, wide, width=24))

    for word in ("20261127-095821-2880", "comparable,", "INVALID"):
        assert word in text


TABLE = {
    60: """\
tiny-cxr on local, litert, 1 thread, dataset phantom
(synthetic images), effort standard, run
20260101-000000-abcd
                  p50          against float32  AUC change
scheme   size     (95 %)       (95 %)           (95 %)
──────────────────────────────────────────────────────────
float32  123 kB   1.23 ms                       AUC 0.9123
VALID
float16  123 kB   1.23 ms      no difference    −0.0001
WARN     (−47 %)  (1.20–1.25)  (4 %
                               would show)
dynamic  123 kB   1.23 ms      2.1× faster      0.0000
VALID    (−49 %)               (1.9–2.3)
int8     123 kB   +6 more      can't tell       −0.0321
INVALID  (−74 %)               (10 % faster
                               to 10 % slower)

+N more: a p50 takes 11 invocations
can't tell: 9 attempts a side would, by `attempts: 9` in the
suite
INVALID int8: 1 of 5 attempts failed: Killed by signal 9;
these are its last words
WARN float16, int8: 2 of 3 attempts got slower; let it cool
down
""",
    80: """\
tiny-cxr on local, litert, 1 thread, dataset phantom (synthetic images), effort
standard, run 20260101-000000-abcd
                  p50          against float32               AUC change
scheme   size     (95 %)       (95 %)                        (95 %)      verdict
────────────────────────────────────────────────────────────────────────────────
float32  123 kB   1.23 ms                                    AUC 0.9123  VALID
float16  123 kB   1.23 ms      no difference                 −0.0001     WARN
         (−47 %)  (1.20–1.25)  (4 % would show)
dynamic  123 kB   1.23 ms      2.1× faster                   0.0000      VALID
         (−49 %)               (1.9–2.3)
int8     123 kB   +6 more      can't tell                    −0.0321     INVALID
         (−74 %)               (10 % faster to 10 % slower)

+N more: a p50 takes 11 invocations
can't tell: 9 attempts a side would, by `attempts: 9` in the suite
INVALID int8: 1 of 5 attempts failed: Killed by signal 9; these are its last
words
WARN float16, int8: 2 of 3 attempts got slower; let it cool down
""",
    120: """\
tiny-cxr on local, litert, 1 thread, dataset phantom (synthetic images), effort standard, run 20260101-000000-abcd
scheme   size            p50 (95 %)           against float32 (95 %)                   AUC change (95 %)  verdict
─────────────────────────────────────────────────────────────────────────────────────────────────────────────────
float32  123 kB          1.23 ms                                                       AUC 0.9123         VALID
float16  123 kB (−47 %)  1.23 ms (1.20–1.25)  no difference (4 % would show)           −0.0001            WARN
dynamic  123 kB (−49 %)  1.23 ms              2.1× faster (1.9–2.3)                    0.0000             VALID
int8     123 kB (−74 %)  +6 more              can't tell (10 % faster to 10 % slower)  −0.0321            INVALID

+N more: a p50 takes 11 invocations
can't tell: 9 attempts a side would, by `attempts: 9` in the suite
INVALID int8: 1 of 5 attempts failed: Killed by signal 9; these are its last words
WARN float16, int8: 2 of 3 attempts got slower; let it cool down
""",
}


def test_throughput_is_a_table_of_its_own_with_images_per_second():
    offline = make_row(
        interpreters=2, batch=8, images_per_s=18_346.87, images_per_s_low=18_000.0, images_per_s_high=19_000.0
    )

    lines = printed(shown, [make_row(), offline], width=160)

    title, header, _, row = lines[-4:]
    assert title.startswith("tiny-cxr on local, litert, 1 thread, batch 8, throughput of 2 interpreters side by side,")
    assert "images/s (range)" in header
    assert "18,346.9 (18,000.0–19,000.0)" in row
    assert "p50" in lines[1], "the latency of one after the other stays apart"


def test_short_invocations_that_were_timed_together_are_told():
    lines = printed(shown, [make_row(invocations_per_sample=3.0), make_row(scheme="int8")], width=120)

    assert any("were timed 3 at a time: percentiles are those of their means" in line for line in lines)
    assert not any("at a time" in line for line in printed(shown, [make_row(invocations_per_sample=1.0)]))


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_table_looks_like_this(width):
    own = {"effort": "standard", "synthetic": True, "attempts": 5}
    failed = reason(
        "INVALID", "attempt-failed", "1 of 5 attempts failed: Killed by signal 9", "these are its last words"
    )
    float16 = make_row(
        scheme="float16", size_ratio=1.9, speedup=1.0, auc_change=-0.0001, verdict="WARN", reasons=(reason(),),
        p50_low_ns=1_200_000.0, p50_high_ns=1_250_000.0, **own,
    )  # fmt: skip
    int8 = make_row(
        scheme="int8", size_ratio=3.9, p50_ns=None, p90_ns=None, samples=5, speedup=None, auc_mean=0.8802,
        auc_change=-0.0321, verdict="INVALID", reasons=(reason(), failed), **own,
    )  # fmt: skip
    rows = [make_row(**own), float16, make_row(scheme="dynamic", size_ratio=1.95, speedup=2.1, **own)]
    rows.append(TableRow(row=int8, against=make_pair(int8, 1.0, CANT_TELL)))

    lines = printed(shown, rows, width=width)

    assert "\n".join(line.rstrip() for line in lines) + "\n" == TABLE[width]


def test_a_scheme_with_a_long_name_is_shown_whole():
    name = "int8-with-per-channel-weights-and-a-float-head"

    text = "\n".join(printed(shown, [make_row(scheme=name), make_row(scheme="int8")]))

    assert "…" not in text
    parts = [line.split(" ")[0] for line in text.splitlines() if line[:1].isalnum() or line[:1] == "-"]
    assert name in "".join(parts)


def test_a_median_that_the_sample_does_not_carry_says_how_many_are_missing():
    few = make_row(p50_ns=None, p90_ns=None, samples=10)
    none = make_row(p50_ns=None, p90_ns=None, samples=0, scheme="float16", auc_mean=None)

    lines = printed(shown, [few, none], width=160)

    (first,) = [line for line in lines if line.startswith("float32")]
    (second,) = [line for line in lines if line.startswith("float16")]
    assert "+1 more" in first
    assert "more" not in second
    assert "+N more: a p50 takes 11 invocations" in lines


def test_cells_are_size_interval_difference_and_accuracy_in_words():
    row = make_row(
        scheme="int8", size_ratio=2.34, speedup=0.5, auc_change=-0.0123, attempts=5, p50_low_ns=1.1e6, p50_high_ns=1.3e6
    )

    (line,) = [line for line in printed(shown, [row], width=160) if line.startswith("int8")]

    assert [cell.strip() for cell in line.split("  ") if cell.strip()] == [
        *("int8", "123 kB (−57 %)", "1.23 ms (1.10–1.30)", "2.0× slower (1.8–2.2)", "−0.0123", "VALID"),
    ]


def test_below_five_attempts_the_brackets_are_a_range():
    ends = {"p50_low_ns": 1.1e6, "p50_high_ns": 1.3e6}
    few, enough = make_row(attempts=4, **ends), make_row(scheme="int8", attempts=5, **ends)

    alone = "\n".join(printed(shown, [few], width=160))
    mixed = "\n".join(printed(shown, [few, enough], width=160))

    assert "p50 (range)" in alone
    assert "range: of the attempts; an interval takes 5" in alone
    assert "p50 (95 %)" in mixed
    assert "1.23 ms (1.10–1.30, range)" in mixed
    assert "1.23 ms (1.10–1.30)  2" not in mixed


@pytest.mark.parametrize(
    ("needed", "way"),
    [
        (7, "; farm run --compare makes 7"),
        (9, ", by `attempts: 9` in the suite"),
        (205, "; fewer do on a quieter device: farm devices tune NAME"),
    ],
)
def test_what_can_not_be_told_comes_with_the_attempts_that_would_and_the_way_to_them(needed, way):
    row = make_row(scheme="int8")
    difference = replace(make_pair(row, 0.9).difference, smallest=0.3, attempts_needed=needed)
    pair = make_pair(row, 0.9, CANT_TELL, difference=difference)

    lines = printed(shown, [make_row(), TableRow(row=row, against=pair)], width=160)

    assert "can't tell (1 % slower to 22 % slower)" in "\n".join(lines)
    assert lines[-1] == f"can't tell: {needed} attempts a side would{way}"


def test_a_run_without_float32_has_nothing_to_compare_with():
    lines = printed(shown, [TableRow(row=make_row(scheme="int8"), against=None)], width=160)

    assert lines[-1] == "the run has no float32 of this setting to compare with"
    assert not [line for line in lines if "against float32" in line]


def test_a_ready_file_has_no_column_of_comparisons_with_float32():
    lines = printed(shown, [TableRow(row=make_row(scheme="as-is", auc_mean=None), against=None)], width=160)

    assert lines[1].split() == ["scheme", "size", "p50", "verdict"]
    assert "float32" not in "\n".join(lines)


def test_results_of_two_runs_never_share_a_table():
    lines = printed(shown, [make_row(), make_row(scheme="int8", run="20260202-000000-abcd")], width=160)

    assert [line.split()[-1] for line in lines if " on " in line] == ["20260101-000000-abcd", "20260202-000000-abcd"]


def test_synthetic_images_are_said_above_the_table():
    drawn = printed(shown, [make_row(synthetic=True)], width=160)[0]
    real = printed(shown, [make_row()], width=160)[0]

    assert (
        drawn
        == "tiny-cxr on local, litert, 1 thread, dataset phantom (synthetic images), effort quick, run 20260101-000000-abcd"
    )
    assert real == "tiny-cxr on local, litert, 1 thread, dataset phantom, effort quick, run 20260101-000000-abcd"


def test_every_setting_has_a_table_of_its_own():
    rows = [
        make_row(),
        make_row(scheme="int8", effort="smoke"),
        make_row(scheme="dynamic"),
        make_row(threads=4),
        make_row(device="pi5-a", dataset="other", synthetic=True),
    ]

    lines = printed(shown, rows, width=160)

    titles = [line for line in lines if " on " in line]
    assert titles == [
        "tiny-cxr on local, litert, 1 thread, dataset phantom, effort quick, run 20260101-000000-abcd",
        "tiny-cxr on local, litert, 1 thread, dataset phantom, effort smoke, run 20260101-000000-abcd",
        "tiny-cxr on local, litert, 4 threads, dataset phantom, effort quick, run 20260101-000000-abcd",
        "tiny-cxr on pi5-a, litert, 1 thread, dataset other (synthetic images), effort quick, run 20260101-000000-abcd",
    ]
    assert [line.split()[0] for line in lines if "kB" in line] == ["float32", "dynamic", "int8", "float32", "float32"]


def test_drawn_and_real_images_never_share_a_table_even_under_one_name():
    lines = printed(shown, [make_row(), make_row(scheme="int8", synthetic=True)])

    assert [" (synthetic images)" in line for line in lines if " on " in line] == [False, True]


def test_a_batch_is_said_where_there_is_one():
    assert ", 1 thread, batch 8, dataset" in printed(shown, [replace(make_row(), batch=8)])[0]


def test_last_words_of_many_lines_become_one_short_line():
    words = "Traceback\n  File x\n" + "y" * 5000
    rows = [make_row(verdict="INVALID", reasons=(reason("INVALID", "attempt-failed", words),))]

    (line,) = [line for line in printed(shown, rows, width=1000) if line.startswith("INVALID")]

    assert line.startswith("INVALID float32: Traceback File x yyy")
    assert "…; let it cool down" in line
    assert len(line) < 400


def test_without_reasons_nothing_is_below_the_table():
    assert printed(shown, [make_row()])[-1].startswith("float32")


MARKUP = "[red]x[/] [/] [bold"


def test_names_that_look_like_markup_are_shown_as_they_are():
    row = make_row(
        device="[pi]", model="[/]", scheme="[b]", verdict="WARN", reasons=(reason(message=MARKUP, advice=MARKUP),)
    )
    row = replace(row, dataset="[link=x]", runtime="[dim]")

    text = "\n".join(printed(shown, [row], width=200))

    assert "[/] on [pi], [dim], 1 thread, dataset [link=x], effort quick, run" in text
    assert "\n[b] " in text
    assert f"WARN [b]: {MARKUP}; {MARKUP}" in text


def test_no_rows_are_no_table():
    assert printed(shown, []) == []


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
    (found,) = json.loads(json_report.render([beside(make_row(reasons=(reason(),)))]))

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


def test_a_table_of_attempts_fits_60_columns_with_p10_beside_the_median():
    attempt = make_measurement([1_000_000] * 50 + [2_000_000] * 51)

    lines = printed(show.show, make_row(), [attempt], None, {}, None, width=60)

    place = next(number for number, line in enumerate(lines) if line.split()[:1] == ["no."])
    assert lines[place].split() == ["no.", "timed", "p10", "p50", "max", "°C"]
    assert lines[place + 2].split() == ["1", "101", "1.00", "ms", "2.00", "ms", "2.00", "ms", "-"]
    assert all(len(line) <= 60 for line in lines[place : place + 3])


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
    assert [*(field.name for field in fields(ResultRow)), *AGAINST_FLOAT32] == KEYS

    names = {*KEYS, *SHOW_KEYS, *ATTEMPT_KEYS, *(field.name for field in fields(RunRow)), *reason()}
    assert not [name for name in sorted(names) if f"`{name}`" not in PAGE]


def test_every_table_is_on_the_page_about_results():
    from orchestrator.store.schema import Base

    assert not [name for name in Base.metadata.tables if f"`{name}`" not in PAGE]


@pytest.mark.parametrize(("counts", "words"), [([4], "4"), ([15, 4], "4 or 15"), ([16, 4, 15], "4, 15 or 16")])
def test_several_numbers_of_invocations_are_listed_from_small_to_large(counts, words):
    assert table.listed(counts) == words


def test_a_percentile_that_was_not_stored_needs_more_samples_only_where_there_are_too_few():
    row = make_row(p95_ns=None, p99_ns=None, p999_ns=None, samples=1400)

    sentences = [line.strip() for line in show._sentences(row, ())]

    assert not [line for line in sentences if line.startswith(("p95", "p99 "))]
    assert [line for line in sentences if line.startswith("p99.9 needs ")] == ["p99.9 needs 5236 more samples"]


def test_settings_of_a_case_are_in_plain_words(capsys):
    show._pairs(Console(width=60), "in force", {"delegate": None, "warmed_up": True, "threads": 1})

    assert [line.split() for line in capsys.readouterr().out.splitlines()[2:]] == [
        ["delegate", "-"],
        ["warmed_up", "yes"],
        ["threads", "1"],
    ]
