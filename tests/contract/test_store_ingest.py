"""Events that arrive together are stored together."""

from __future__ import annotations

from collections import Counter

import pytest
import sqlalchemy

from orchestrator.domain import event as happened
from orchestrator.domain import run_event
from orchestrator.domain.effort import EFFORTS
from orchestrator.domain.plan import Attempt, Lane, Plan
from orchestrator.errors import StoreError
from orchestrator.store.store import Store
from orchestrator.testing import make_case, make_measurement
from tests.lab.telling import RUN, ended, everything_that_can_happen, lane_started, ready, started, tell


@pytest.fixture
def store(migrated_url):
    with Store.open(migrated_url) as opened:
        yield opened


@pytest.fixture
def asked(store):
    """Count what the database is asked, by the first word of each statement."""
    words = Counter()
    sqlalchemy.event.listen(
        store._engine, "before_cursor_execute", lambda *arguments: words.update([arguments[2].split()[0]])
    )
    sqlalchemy.event.listen(store._engine, "commit", lambda _: words.update(["COMMIT"]))
    return words


def journal(first, last):
    """Return what a journal says of attempts, each begun and ended."""
    return [
        event
        for number in range(first, last)
        for event in (
            happened.AttemptStarted(
                run=RUN, device="local", cursor=happened.Cursor(lane="lane-1", offset=10 * number + 1),
                attempt=f"attempt-{number}", case=make_case(threads=number % 5 + 1), number=number,
            ),
            ended(
                make_measurement(attempt=f"attempt-{number}", number=number, case=make_case(threads=number % 5 + 1)),
                offset=10 * number + 2,
            ),
        )
    ]  # fmt: skip


def plan_of(cases):
    steps = tuple(Attempt(id=str(case), case=case, number=1) for case in cases)
    return Plan(run=RUN, effort=EFFORTS["smoke"], seed=0, lanes=(Lane(device="local", steps=steps),), skips=())


def test_a_hundred_attempts_that_arrive_together_are_one_transaction_of_a_few_statements(store, asked):
    tell(store, started(), ready(), lane_started(), *journal(0, 5))
    asked.clear()

    store.record(*journal(5, 105))

    assert asked["COMMIT"] == 1
    assert asked.total() <= 8
    assert len(store.done_steps(RUN)) == 105
    assert store.lanes(RUN)[0].offset == 1042


def test_a_case_is_looked_up_once(store, asked):
    tell(store, started(), ready(), lane_started(), *journal(0, 5))
    asked.clear()

    tell(store, *journal(5, 10))

    assert asked["SELECT"] == 10, "how far the journal was read, and nothing else"


def test_a_plan_of_a_thousand_cases_is_stored_by_a_few_statements(store, asked):
    cases = [make_case(threads=number + 1) for number in range(1000)]
    tell(store, started())
    asked.clear()

    store.record(run_event.Planned(run=RUN, plan=plan_of(cases)))

    assert asked.total() <= 8
    assert store.run(RUN).cases == 1000


def test_of_events_that_arrive_together_all_are_stored_or_none(store):
    tell(store, started(), ready(), lane_started())
    unknown = ended(make_measurement(attempt="attempt-9", artifact="f" * 64), offset=990)

    with pytest.raises(StoreError, match="refused AttemptStarted, AttemptEnded"):
        store.record(*journal(0, 3), unknown)

    assert store.done_steps(RUN) == frozenset()
    assert store.lanes(RUN)[0].offset == 0
    store.record(*journal(0, 3))
    assert store.done_steps(RUN) == {"attempt-0", "attempt-1", "attempt-2"}


def test_a_whole_run_in_one_transaction_is_as_it_is_event_by_event(store, database_url, tmp_path):
    events = everything_that_can_happen()

    store.record(*events)

    with Store.open(f"sqlite:///{tmp_path / 'other.db'}") as other:
        tell(other, *events)
        case = make_case()
        assert store.results(run=RUN) == other.results(run=RUN)
        assert store.measurements(RUN, case) == other.measurements(RUN, case) != ()
        assert store.scores(RUN, case) == other.scores(RUN, case)
        assert (store.lanes(RUN), store.skips(RUN), store.runs()) == (other.lanes(RUN), other.skips(RUN), other.runs())


def test_of_a_journal_read_again_together_with_news_only_the_news_is_stored(store):
    tell(store, started(), ready(), lane_started(), *journal(0, 3))

    store.record(*journal(0, 5))

    assert len(store.done_steps(RUN)) == 5
    assert store.lanes(RUN)[0].offset == 42


def test_a_case_that_a_failed_transaction_made_is_made_again(store):
    case = make_case(threads=77)
    tell(store, started(), ready(), lane_started())
    with pytest.raises(StoreError):
        store.record(ended(make_measurement(case=case, artifact="f" * 64), offset=5))

    store.record(ended(make_measurement(case=case), offset=5))

    assert len(store.measurements(RUN, case)) == 1


def test_a_case_that_another_process_pruned_meanwhile_is_made_again(store, database_url):
    case = make_case(threads=5)
    tell(store, started(), ready(), lane_started(), happened.CaseSkipped(run=RUN, case=case, reason="why"))
    engine = sqlalchemy.create_engine(database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM run_cases")
        connection.exec_driver_sql("DELETE FROM cases")
    engine.dispose()

    store.record(ended(make_measurement(case=case), offset=5))

    assert len(store.measurements(RUN, case)) == 1
