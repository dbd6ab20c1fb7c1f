"""A database of many results, as `benchmarks/store.py` fills it."""

from __future__ import annotations

from benchmarks import store_fill
from orchestrator.store.store import Store
from orchestrator.testing import make_case


def test_the_store_of_the_benchmark_is_one_that_farm_can_have_filled(database_url):
    store_fill.fill(database_url, store_fill.SMALL)

    with Store.open(database_url) as store:
        rows = store.results(device="pi001", threads=1, batch=1)
        few = store.results(sort="speed", limit=7)
        attempts = store.measurements("run-000", make_case(device="pi000", scheme="int8"))

        assert store.count_results() == store_fill.SMALL.cases == 200
        assert [row.scheme for row in rows] == ["float32", "float16", "dynamic", "int8"]
        assert [round(row.size_ratio) for row in rows] == [1, 2, 3, 4]
        assert 1.8 < rows[3].speedup < 2.2
        assert len(few) == 7
        assert [len(attempt.latency_ns) for attempt in attempts] == [store_fill.SAMPLES] * store_fill.SMALL.attempts
        counted = store.sql("SELECT sum(count) AS samples, count(DISTINCT run) AS runs FROM v_attempts").rows
        assert counted == (((200 * 3 + 200) * 5 * store_fill.SAMPLES, 5),)


def test_many_results_are_the_same_whether_their_figures_are_asked_for_by_name_or_selected_again(database_url):
    store_fill.fill(database_url, store_fill.Size(devices=7, runs=1, attempts=1))

    with Store.open(database_url) as store:
        every, some = store.results(), store.results(device=("pi000", "pi001"))

        assert len(every) == 700
        assert every[:200] == some
