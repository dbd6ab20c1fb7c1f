"""What every database must answer when results are asked for."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta

import pytest
import sqlalchemy

from orchestrator.domain import event as happened
from orchestrator.domain import run_event
from orchestrator.domain.result import Reason, Verdict
from orchestrator.errors import StoreError, UnknownName
from orchestrator.store import schema
from orchestrator.store.store import Store
from orchestrator.testing import MIDNIGHT, make_case, make_image_list, make_scores
from tests.lab.telling import RUN, judged, ready, started, tell


@pytest.fixture
def store(migrated_url):
    with Store.open(migrated_url) as opened:
        yield opened


def two_schemes(store, run=RUN, at=MIDNIGHT, **float32):
    int8 = make_case(scheme="int8")
    tell(store, started(run), ready(run), ready(run, sha256="b" * 64, size_bytes=250, scheme="int8"))
    tell(store, judged(run=run, at=at, **float32))
    tell(store, judged(int8, run=run, at=at, artifact="b" * 64, p50_ns=250_000.0, auc_mean=0.875))


def test_a_result_has_every_figure(store):
    two_schemes(store)
    reason = Reason(verdict=Verdict.WARN, code="smoke", message="m", advice="a")
    starts = {"load_ns": 2_500_001.5, "first_ns": 1_000_004.5, "import_ns": 7.0, "peak_rss_bytes": 6e7}
    tell(store, judged(verdict=Verdict.WARN, reasons=(reason,), **starts))

    row = store.results()[0]

    assert row.case == "local/tiny-cxr/float32/litert/t1/b1"
    assert {
        name: getattr(row, name) for name in ("run", "device", "model", "scheme", "runtime", "threads", "batch")
    } == {
        "run": RUN,
        "device": "local",
        "model": "tiny-cxr",
        "scheme": "float32",
        "runtime": "litert",
        "threads": 1,
        "batch": 1,
    }
    assert (row.dataset, row.synthetic, row.effort) == ("phantom", True, "smoke")
    assert (row.artifact, row.size_bytes, row.size_ratio) == ("a" * 64, 1000, 1.0)
    assert {name: getattr(row, name) for name in starts} == starts
    assert isinstance(row.peak_rss_bytes, int)
    assert (row.p50_ns, row.p90_ns, row.p99_ns) == (1_000_000.0, 2_000_000.0, None)
    assert (row.samples, row.attempts, row.speedup) == (128, 1, 1.0)
    assert (row.auc_mean, row.auc_change) == (0.9, 0.0)
    assert row.verdict == "WARN"
    assert row.reasons == ({"verdict": "WARN", "code": "smoke", "message": "m", "advice": "a"},)
    assert row.measured_at == MIDNIGHT
    assert set(row.to_json()) == {field.name for field in fields(row)}


def test_schemes_are_compared_with_float32_even_where_filters_leave_it_out(store):
    two_schemes(store)

    (row,) = store.results(scheme="int8")

    assert (row.size_ratio, row.speedup) == (4.0, 4.0)
    assert row.auc_change == pytest.approx(-0.025)


def test_nothing_is_compared_where_float32_has_no_figure_or_no_case(store):
    two_schemes(store, p50_ns=None, auc_mean=None)
    tell(store, judged(make_case(scheme="int8", threads=4)))

    by_case = {row.case: row for row in store.results(scheme="int8")}

    assert by_case["local/tiny-cxr/int8/litert/t1/b1"].size_ratio == 4.0
    for row in by_case.values():
        assert (row.speedup, row.auc_change) == (None, None)
    assert by_case["local/tiny-cxr/int8/litert/t4/b1"].size_ratio is None


def test_a_runtime_without_float32_is_compared_with_its_own_unquantized_scheme(store):
    two_schemes(store)
    plain, int8 = (make_case(scheme=scheme, runtime="onnxruntime") for scheme in ("onnx", "onnx-int8"))
    tell(store, judged(plain, p50_ns=4_000_000.0), judged(int8, p50_ns=1_000_000.0))
    for skipped in (make_case(scheme="onnx"), make_case(runtime="onnxruntime")):
        tell(store, happened.CaseSkipped(run=RUN, device="local", case=skipped, reason="another format"))

    speedups = {(row.scheme, row.runtime): row.speedup for row in store.results()}

    assert speedups == {
        ("float32", "litert"): 1.0,
        ("int8", "litert"): 4.0,
        ("onnx", "onnxruntime"): 1.0,
        ("onnx-int8", "onnxruntime"): 4.0,
    }


def test_float32_of_another_run_is_not_compared_with(store):
    two_schemes(store)
    later = MIDNIGHT + timedelta(days=1)
    tell(store, started("run-2"), judged(make_case(scheme="int8"), run="run-2", at=later, artifact="b" * 64))

    by_scheme = {row.scheme: row for row in store.results()}

    assert by_scheme["float32"].run == RUN
    assert (by_scheme["int8"].run, by_scheme["int8"].size_bytes) == ("run-2", 250)
    assert (by_scheme["int8"].speedup, by_scheme["int8"].size_ratio, by_scheme["int8"].auc_change) == (None, None, None)


def test_without_a_run_the_newest_result_of_every_case_is_meant(store):
    two_schemes(store, run="old")
    two_schemes(store, run="new", at=MIDNIGHT + timedelta(seconds=1))
    tell(store, judged(make_case(threads=4), run="old"))
    tell(store, happened.CaseSkipped(run="new", case=make_case(threads=4), reason="why"))

    assert [(row.run, row.scheme, row.threads) for row in store.results()] == [
        ("new", "float32", 1),
        ("new", "int8", 1),
        ("old", "float32", 4),
    ]
    assert {row.run for row in store.results(run="old")} == {"old"}
    assert len(store.results(run="old")) == 3


def test_two_results_of_the_same_moment_are_one_result(store):
    two_schemes(store, run="one")
    two_schemes(store, run="two")

    assert len(store.results()) == 2


@pytest.mark.parametrize(
    ("chosen", "left"),
    [
        ({"device": "pi5-a"}, 1),
        ({"scheme": "int8"}, 1),
        ({"model": "tiny-cxr", "runtime": "litert"}, 3),
        ({"threads": 4}, 1),
        ({"batch": 2}, 0),
        ({"device": None}, 3),
        ({"device": ("local", "pi5-a"), "threads": (1, 2)}, 2),
        ({"scheme": ()}, 0),
        ({"verdict": "VALID"}, 3),
        ({"verdict": ("WARN", "INVALID")}, 0),
        ({"effort": "smoke", "dataset": "phantom", "interpreters": 0}, 3),
        ({"since": MIDNIGHT}, 3),
        ({"since": MIDNIGHT + timedelta(seconds=1)}, 0),
        ({"device": "no' OR 1=1 --"}, 0),
    ],
    ids=str,
)
def test_filters_narrow_results(store, chosen, left):
    tell(store, started(), ready(), judged(), judged(make_case(scheme="int8", threads=4)))
    tell(store, judged(make_case(device="pi5-a")))

    assert len(store.results(**chosen)) == left
    assert store.count_results(**chosen) == left


def test_results_come_in_the_order_people_compare(store):
    tell(store, started(), ready())
    for scheme in ("zeta", "int8", "int16x8", "dynamic", "float16", "float32"):
        tell(store, judged(make_case(scheme=scheme)))

    assert [row.scheme for row in store.results()] == ["float32", "float16", "dynamic", "int8", "int16x8", "zeta"]


def test_a_case_that_is_judged_again_keeps_no_old_figure(store):
    tell(store, started(), ready(), judged(), judged(p90_ns=None, auc_mean=0.5))

    (row,) = store.results()

    assert (row.p50_ns, row.p90_ns, row.auc_mean) == (1_000_000.0, None, 0.5)


def test_a_case_whose_build_failed_has_a_result_without_an_artifact(store):
    tell(store, started(), judged(artifact=None, p50_ns=None, p90_ns=None, auc_mean=None, verdict=Verdict.INVALID))

    (row,) = store.results()

    assert (row.artifact, row.size_bytes, row.p50_ns, row.verdict) == (None, None, None, "INVALID")


def test_a_clock_too_coarse_for_the_null_runtime_gives_no_speedup(store):
    two_schemes(store)
    tell(store, judged(make_case(scheme="int8"), p50_ns=0.0))

    (row,) = store.results(scheme="int8")

    assert (row.p50_ns, row.speedup) == (0.0, None)


def test_a_number_that_no_database_holds_matches_nothing(store):
    two_schemes(store)

    assert store.results(threads=10**20) == []
    assert store.results(batch=-(10**20)) == []


@pytest.mark.parametrize(
    ("sort", "schemes"),
    [
        ("case", ["float32", "float16", "dynamic", "int8"]),
        ("-case", ["int8", "dynamic", "float16", "float32"]),
        ("p50", ["int8", "float32", "float16", "dynamic"]),
        ("-p50", ["float16", "float32", "int8", "dynamic"]),
        ("speed", ["int8", "float32", "float16", "dynamic"]),
        ("auc", ["dynamic", "float32", "float16", "int8"]),
        ("size", ["int8", "float32", "float16", "dynamic"]),
        ("newest", ["int8", "dynamic", "float16", "float32"]),
    ],
)
def test_results_are_sorted_by_a_figure_and_what_lacks_it_comes_last(store, sort, schemes):
    tell(store, started(), ready(), ready(sha256="b" * 64, size_bytes=250, scheme="int8"))
    figures = {
        "float32": {"p50_ns": 2e6},
        "float16": {"p50_ns": 3e6, "artifact": None, "auc_mean": 0.8},
        "dynamic": {"p50_ns": None, "artifact": None, "auc_mean": 0.95},
        "int8": {"p50_ns": 1e6, "artifact": "b" * 64, "auc_mean": None},
    }
    for hour, (scheme, changes) in enumerate(figures.items()):
        tell(store, judged(make_case(scheme=scheme), at=MIDNIGHT + timedelta(hours=hour), **changes))

    assert [row.scheme for row in store.results(sort=sort)] == schemes
    assert [row.scheme for row in store.results(sort=sort, limit=2)] == schemes[:2]


def test_an_order_or_a_filter_that_does_not_exist_is_refused(store):
    with pytest.raises(UnknownName, match="no order called 'p5o'"):
        store.results(sort="p5o")
    with pytest.raises(UnknownName, match="no filter called 'colour'"):
        store.results(colour="red")


def test_scores_name_their_images_which_are_stored_once_however_often_they_come(store):
    images = make_image_list()
    tell(store, started(), ready(), *[run_event.ImagesListed(run=RUN, image_list=images)] * 2)
    scores = make_scores(image_list=images.sha256)
    tell(store, happened.Scored(run=RUN, device="local", scores=scores))

    stored = store.scores(RUN, make_case())

    assert stored.image_list == images.sha256
    assert store.image_list(stored.image_list) == images
    assert store.image_list("0" * 64) is None


def test_a_list_of_images_that_is_damaged_is_refused(store):
    images = make_image_list()
    tell(store, started(), run_event.ImagesListed(run=RUN, image_list=images))
    with store._engine.connect().execution_options(writes=True) as connection, connection.begin():
        other = make_image_list(names=("other.png", "two.png")).packed()
        connection.execute(sqlalchemy.update(schema.ImageList).values(data=other))

    with pytest.raises(StoreError, match="damaged"):
        store.image_list(images.sha256)
