"""A run of another controller, taken over from what its devices keep: what is refused leaves nothing."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
import sqlalchemy

from orchestrator.devices.remote import origin
from orchestrator.domain.artifact import Shard
from orchestrator.errors import AnswerRefused, StoreError
from orchestrator.exchange.adopt import adopt, note_judged, unlabelled
from orchestrator.store import schema
from orchestrator.store.adoptions import adoptions, is_judged
from orchestrator.store.store import Store
from tests.unit.test_origin import SHA256, text_of

RUN = "run-1"


@pytest.fixture
def store(migrated_url):
    with Store.open(migrated_url) as opened:
        yield opened


def kept(**changes):
    """Return what `pi` keeps of a run whose case is scored."""
    run = origin.read(text_of(facts={"cores": 4}), RUN, "pi")
    return replace(run, **{"cases": tuple(replace(case, runtime="litert") for case in run.cases), **changes})


def of_another_device(name):
    whole = kept()
    return replace(whole, cases=tuple(replace(case, device=name) for case in whole.cases))


def counts(url):
    engine = sqlalchemy.create_engine(url)
    try:
        with engine.connect() as connection:
            tables = ("runs", "artifacts", "devices", "device_facts", "cases", "run_cases", "events")
            query = sqlalchemy.select(sqlalchemy.func.count())
            return {
                name: connection.execute(query.select_from(schema.Base.metadata.tables[name])).scalar_one()
                for name in tables
            }
    finally:
        engine.dispose()


def test_what_was_taken_over_before_is_taken_over_once(store, migrated_url):
    adopt(store, kept(), "pi", "joe@ward", 1, {})
    once = counts(migrated_url)
    adopt(store, kept(), "pi", "joe@ward", 1, {})

    assert counts(migrated_url) == once
    assert once == {
        "runs": 1,
        "artifacts": 1,
        "devices": 1,
        "device_facts": 1,
        "cases": 1,
        "run_cases": 1,
        "events": 2,
    }
    assert store.facts(RUN, "pi") == {"cores": 4}


def test_each_device_of_a_run_adds_its_own_cases_and_facts(store, migrated_url):
    adopt(store, kept(), "pi", "joe@ward", 1, {})
    adopt(store, of_another_device("nuc"), "nuc", "joe@ward", 1, {})

    held = counts(migrated_url)
    assert (held["runs"], held["artifacts"]) == (1, 1)
    assert (held["devices"], held["device_facts"], held["cases"], held["run_cases"]) == (2, 2, 2, 2)
    assert store.run(RUN).devices == ("nuc", "pi")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": 7}, "another run than the one stored here"),
        ({"effort": "quick"}, "another run than the one stored here"),
        ({"dataset": "other"}, "another run than the one stored here"),
        ({"artifacts": tuple(replace(each, size_bytes=9) for each in kept().artifacts)}, "has another size here"),
    ],
    ids=["seed", "effort", "dataset", "artifact"],
)
def test_what_contradicts_the_database_is_refused_and_leaves_nothing(store, migrated_url, change, words):
    adopt(store, kept(), "pi", "joe@ward", 1, {})
    before = counts(migrated_url)

    with pytest.raises(AnswerRefused, match=words):
        adopt(store, replace(of_another_device("nuc"), **change), "nuc", "joe@ward", 1, {})

    assert counts(migrated_url) == before


@pytest.mark.parametrize("offset_days", [-365, 0, 365])
def test_a_run_began_by_our_clock_whatever_the_device_thinks(store, offset_days):
    now, offset = time.time_ns(), offset_days * 86_400 * 10**9
    facts = {"clock_ns": now - 10**10 + offset, "clock_offset_ns": offset, "clock_uncertainty_ns": 10**6}

    adopt(store, kept(facts=facts), "pi", "joe@ward", now + offset - 10**9, {})

    assert abs(store.run(RUN).started_at.timestamp() - now / 1e9) < 60


def test_a_run_of_the_future_began_now_at_the_latest(store):
    adopt(store, kept(), "pi", "joe@ward", time.time_ns() + 365 * 86_400 * 10**9, {})

    assert store.run(RUN).started_at.timestamp() <= time.time()


@pytest.mark.parametrize("began_at_ns", [10**30, -(10**30)])
def test_a_moment_that_is_none_is_refused(store, migrated_url, began_at_ns):
    with pytest.raises(AnswerRefused, match="can't be stored"):
        adopt(store, kept(), "pi", "joe@ward", began_at_ns, {})

    assert set(counts(migrated_url).values()) == {0}


def test_a_number_that_no_database_holds_is_refused(store, migrated_url):
    cases = tuple(replace(case, threads=10**12) for case in kept().cases)

    with pytest.raises(AnswerRefused, match="threads"):
        adopt(store, kept(cases=cases), "pi", "joe@ward", 1, {})

    assert set(counts(migrated_url).values()) == {0}


def test_a_database_that_breaks_in_the_middle_keeps_nothing(store, migrated_url, monkeypatch):
    monkeypatch.setattr("orchestrator.exchange.adopt.row_of", lambda _: {"at": None})

    with pytest.raises((StoreError, sqlalchemy.exc.StatementError)):
        adopt(store, kept(), "pi", "joe@ward", 1, {})

    assert set(counts(migrated_url).values()) == {0}


def test_models_without_their_labels_are_named_and_labels_of_other_images_refused(tmp_path):
    run = kept()

    assert unlabelled(run, tmp_path, "pi") == {"m": {"dataset": "x", "labels": SHA256}}
    with (tmp_path / SHA256).open("wb") as file:
        np.save(file, np.zeros((2, 2), np.uint8))
    assert unlabelled(run, tmp_path, "pi") == {}
    assert unlabelled(replace(run, accuracy="none"), tmp_path / "nowhere", "pi") == {}
    null = tuple(replace(case, runtime="null") for case in run.cases)
    assert unlabelled(replace(run, cases=null), tmp_path / "nowhere", "pi") == {}, "null computes nothing"
    (images,) = run.images
    more = replace(images, images=3, shards=(*images.shards, Shard(sha256=SHA256, images=1, size_bytes=1)))
    for other in (more, replace(images, images=3)):
        with pytest.raises(AnswerRefused, match="do not fit its images"):
            unlabelled(replace(run, images=(other,)), tmp_path, "pi")


def test_what_is_taken_over_later_waits_to_be_judged_again(store):
    def is_open():
        with store.reading() as session:
            return not is_judged(adoptions(session, [RUN])[RUN, "pi"])

    adopt(store, kept(), "pi", "joe@ward", 1, {})
    opened = [is_open()]
    for _ in range(2):
        note_judged(store, RUN, "pi", "joe@ward", {})
        opened.append(is_open())
        adopt(store, kept(), "pi", "joe@ward", 1, {})
        opened.append(is_open())

    assert opened == [True, False, True, False, True]
