"""When a slow start has paid."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from orchestrator.analysis.anatomy import anatomy, launch_overhead
from orchestrator.analysis.breakeven import Cost, break_even, cost, pairs
from orchestrator.reports import breakeven as report
from orchestrator.testing import make_case, make_measurement
from tests.unit.test_reports import make_row, printed

MS = 1_000_000
S = 1_000_000_000


def costs(start_ns, per_image_ns, attempts=5, spread=0.0):
    """Return attempts around these costs, a share ``spread`` to both sides."""
    factors = np.linspace(1 - spread, 1 + spread, attempts)
    return [Cost(start_ns=start_ns * factor, per_image_ns=per_image_ns * factor) for factor in factors]


def test_a_gpu_has_paid_when_its_start_is_made_up_for():
    found = break_even(costs(3 * S, 2 * MS), costs(1 * S, 10 * MS))

    assert found.images == pytest.approx(250)
    assert found.time_ns == pytest.approx(3.5 * S)
    assert (found.interval.low, found.interval.high) == pytest.approx((250, 250))
    assert found.until_images == math.inf


def test_a_gpu_that_is_no_faster_never_pays():
    found = break_even(costs(3 * S, 10 * MS), costs(1 * S, 10 * MS))

    assert (found.images, found.time_ns) == (math.inf, math.inf)
    assert (found.interval.low, found.interval.high) == (math.inf, math.inf)


def test_what_starts_no_later_has_nothing_to_pay():
    found = break_even(costs(1 * S, 2 * MS), costs(1 * S, 10 * MS))

    assert (found.images, found.interval.low, found.interval.high) == (0, 0, 0)
    assert found.until_images == math.inf


def test_what_starts_first_and_is_slower_then_is_overtaken():
    found = break_even(costs(1 * S, 10 * MS), costs(3 * S, 2 * MS))

    assert found.images == 0
    assert found.until_images == pytest.approx(250)


def test_where_attempts_disagree_on_which_is_faster_the_interval_reaches_infinity():
    found = break_even(costs(3 * S, 9.9 * MS, spread=0.05), costs(1 * S, 10 * MS, spread=0.05))

    assert math.isfinite(found.images)
    assert math.isfinite(found.interval.low)
    assert found.interval.high == math.inf
    assert found.interval.low < found.images


def test_two_attempts_give_no_interval():
    found = break_even(costs(3 * S, 2 * MS, attempts=2), costs(1 * S, 10 * MS))

    assert found.images == pytest.approx(250)
    assert found.interval is None


def test_without_attempts_there_is_nothing_to_compare():
    with pytest.raises(ValueError, match="each with an attempt"):
        break_even([], costs(1 * S, MS))


@given(
    start=some.floats(0, 1e11),
    per_image=some.floats(1, 1e9),
    other=some.floats(0, 1e11),
    image_of_other=some.floats(1, 1e9),
)
def test_at_the_break_even_both_took_as_long(start, per_image, other, image_of_other):
    found = break_even(costs(start, per_image, 1), costs(other, image_of_other, 1))

    if 0 < found.images < math.inf:
        assert start + found.images * per_image == pytest.approx(other + found.images * image_of_other)
        assert found.time_ns == pytest.approx(start + found.images * per_image)
    elif found.images:
        assert start > other
        assert per_image >= image_of_other
    else:
        assert start <= other


def test_an_attempts_start_is_import_load_and_what_the_first_invocation_takes_beyond_a_usual_one():
    attempt = make_measurement(
        [2 * MS] * 11, import_ns=100 * MS, load_ns=400 * MS, first_ns=52 * MS, feed_ns=300_000, read_ns=100_000
    )

    found = cost(attempt)

    assert found.start_ns == 550 * MS
    assert found.per_image_ns == pytest.approx(2.4 * MS)


def test_a_batch_shares_an_invocation_out_and_a_copy_within_it_is_not_counted_again():
    attempt = make_measurement(
        [80 * MS] * 11,
        invocations_per_sample=10,
        import_ns=0,
        load_ns=0,
        first_ns=0,
        feed_ns=2 * MS,
        read_ns=5 * MS,
        effective={"reads_in_invoke": True},
        case=make_case(batch=4),
    )

    assert cost(attempt).per_image_ns == pytest.approx(2.5 * MS)
    assert cost(attempt).start_ns == 0


@pytest.mark.parametrize(
    "lack", [{"error": "crashed"}, {"import_ns": None}, {"first_ns": None}, {"latency_ns": ()}], ids=str
)
def test_an_attempt_that_does_not_tell_its_start_says_nothing(lack):
    told = {"import_ns": 1, "latency_ns": (MS,) * 11, **lack}

    assert cost(make_measurement(told.pop("latency_ns"), **told)) is None


def test_the_fixed_cost_of_an_invocation_is_where_the_line_through_batch_sizes_begins():
    found = launch_overhead({batch: [3 * MS + batch * 2 * MS] * 3 for batch in (1, 4, 16)})

    assert found.fixed_ns == pytest.approx(3 * MS)
    assert found.per_image_ns == pytest.approx(2 * MS)
    assert (found.interval.low, found.interval.high) == pytest.approx((3 * MS, 3 * MS))
    assert found.misfit == pytest.approx(0, abs=1e-9)


def test_noise_widens_the_interval_around_the_fixed_cost():
    random = np.random.default_rng(1)
    noisy = {batch: (3 * MS + batch * 2 * MS) * random.normal(1, 0.02, 7) for batch in (1, 2, 4, 8)}

    found = launch_overhead(noisy)

    assert found.interval.low < found.fixed_ns < found.interval.high
    assert found.interval.low < 3 * MS < found.interval.high


def test_what_is_no_line_says_how_badly_it_fits():
    assert launch_overhead({1: [MS], 2: [MS], 16: [16 * MS]}).misfit > 0.2


def test_one_batch_size_is_no_line():
    assert launch_overhead({1: [MS, MS, MS], 4: []}) is None


def test_few_attempts_give_a_line_without_an_interval():
    assert launch_overhead({1: [MS], 4: [2 * MS]}).interval is None


def test_an_anatomy_tells_the_context_from_the_graph():
    attempts = [
        make_measurement(
            [MS] * 11,
            import_ns=10,
            context_ns=100,
            load_ns=100 + graph,
            effective={"launch_ns": 7, "reads_in_invoke": True},
        )
        for graph in (1, 2, 9)
    ]

    found = anatomy([*attempts, make_measurement((), error="crashed", load_ns=None, context_ns=5)])

    assert (found.import_ns, found.context_ns, found.graph_ns, found.launch_ns) == (10, 100, 2, 7)
    assert found.steady_ns == MS
    assert found.reads_in_invoke is True


def test_what_no_attempt_tells_is_missing_and_not_nought():
    found = anatomy([make_measurement([MS] * 11)])

    assert (found.import_ns, found.context_ns, found.launch_ns, found.feed_ns) == (None, None, None, None)
    assert found.reads_in_invoke is False


def measured(runtime, start_ns, image_ns, **changes):
    """Return three attempts of a case that start in ``start_ns``."""
    case = make_case(
        runtime=runtime, **{key: changes.pop(key) for key in ("scheme", "batch", "threads") if key in changes}
    )
    return [
        make_measurement([image_ns * case.batch] * 11, case=case, import_ns=0, load_ns=start_ns, first_ns=0, **changes)
        for _ in range(3)
    ]


def found_pairs(*cases, ours="litert-gpu", theirs="litert"):
    """Return the pairs among the cases of these attempts."""
    attempts = {str(each[0].case): each for each in cases}
    rows = [make_row(**asdict(each[0].case)) for each in cases]
    return list(pairs(rows, lambda row: attempts[row.case], ours, theirs))


GPU, CPU = measured("litert-gpu", 3 * S, 2 * MS), measured("litert", 1 * S, 10 * MS)


def test_a_pair_is_two_runtimes_of_one_device_model_scheme_threads_and_batch():
    elsewhere = [
        measured("litert", S, MS, scheme="int8"),
        measured("litert", S, MS, threads=4),
        measured("litert", S, MS, batch=4),
        measured("tflite", S, MS),
    ]

    [pair] = found_pairs(GPU, CPU, *elsewhere)

    assert str(pair.ours.case) == "local/tiny-cxr/float32/litert-gpu/t1/b1"
    assert str(pair.theirs.case) == "local/tiny-cxr/float32/litert/t1/b1"
    assert pair.break_even.images == pytest.approx(250)


def test_a_scheme_may_be_named_on_either_side():
    int8 = measured("litert", S, 4 * MS, scheme="int8")

    [pair] = found_pairs(GPU, CPU, int8, ours="litert-gpu/float32", theirs="litert/int8")

    assert pair.theirs.case.scheme == "int8"
    assert pair.break_even.images == pytest.approx(1000)


def test_a_delegate_s_path_is_no_scheme():
    delegate = "delegate:/usr/lib/libedgetpu.so.1"

    [pair] = found_pairs(measured(delegate, 3 * S, 2 * MS), CPU, ours=delegate)

    assert pair.ours.case.runtime == delegate


def test_nothing_is_compared_with_itself_or_with_what_tells_no_start():
    untold = [make_measurement([MS] * 11, case=make_case(runtime="litert-gpu"), import_ns=None)]

    assert found_pairs(CPU, ours="litert", theirs="litert") == []
    assert found_pairs(untold, CPU) == []


def test_the_table_says_it_in_images_and_in_time():
    lines = printed(report.show, found_pairs(GPU, CPU), width=140)

    assert lines[0] == "tiny-cxr on local"
    [answer] = [line for line in lines if "250 images" in line]
    assert "3.00 s" in answer
    assert "[250, 250], 3.5 s" in answer


def test_where_it_never_pays_the_table_says_never():
    lines = printed(report.show, found_pairs(measured("litert-gpu", 3 * S, 20 * MS), CPU), width=140)

    assert [line for line in lines if line.rstrip().endswith("∞: never")]


def test_the_table_tells_the_parts_of_a_start_and_what_to_make_of_a_verdict():
    effective = {"launch_ns": 130_000, "reads_in_invoke": True}
    gpu = measured("litert-gpu", 3 * S, 2 * MS, context_ns=S, read_ns=70_000, effective=effective)

    lines = printed(report.show, found_pairs(gpu, CPU), width=140)

    [parts] = [line for line in lines if line.startswith("float32/litert-gpu") and "130 µs" in line]
    assert " ".join(parts.split()[1:]) == "0 ns 1.00 s 2.00 s 0 ns 2.00 ms - (70.0 µs) 130 µs"
    assert any("part of every invocation already" in line for line in lines)


def test_batch_sizes_tell_the_fixed_cost_of_an_invocation():
    batches = [measured(runtime, S, MS, batch=4) for runtime in ("litert-gpu", "litert")]

    lines = printed(report.show, found_pairs(GPU, CPU, *batches), width=140)

    fits = [line for line in lines if "a line through its batch sizes" in line]
    assert [line.partition(":")[0] for line in fits] == ["float32/litert/t1", "float32/litert-gpu/t1"]


def test_json_has_null_for_infinity():
    [never] = json.loads(report.as_json(found_pairs(measured("litert-gpu", 3 * S, 20 * MS), CPU)))

    assert (never["images"], never["never"], never["interval"], never["time_ns"]) == (None, True, [None, None], None)
    assert never["ours"]["case"] == "local/tiny-cxr/float32/litert-gpu/t1/b1"
    assert never["ours"]["start_ns"] == 3 * S
    assert never["theirs"]["per_image_ns"] == 10 * MS


@pytest.mark.parametrize(
    ("ours", "theirs", "words"),
    [
        (
            costs(3 * S, 9.9 * MS, spread=0.05),
            costs(1 * S, 10 * MS, spread=0.05),
            "20,000 images [2,213, ∞], 3 min 21 s",
        ),
        (costs(3 * S, 10.1 * MS, spread=0.05), costs(1 * S, 10 * MS, spread=0.05), "perhaps never"),
        (costs(3 * S, 11 * MS, 1), costs(1 * S, 10 * MS, 1), "∞: perhaps never"),
        (costs(3 * S, 11 * MS), costs(1 * S, 10 * MS), "∞: never"),
        (costs(1 * S, 10 * MS), costs(3 * S, 2 * MS), "0, behind again after 250 images"),
        (costs(1 * S, 2 * MS), costs(3 * S, 2 * MS), "0"),
        (costs(3 * S, 2 * MS, 1), costs(1 * S, 10 * MS, 1), "250 images, 3.5 s"),
    ],
    ids=["perhaps", "probably-not", "one-attempt", "never", "overtaken", "at-once", "no-interval"],
)
def test_an_answer_is_words(ours, theirs, words):
    assert report.answer(break_even(ours, theirs)).endswith(words)
