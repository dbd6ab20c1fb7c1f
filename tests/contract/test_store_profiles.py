"""What every database must keep of profiles."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.store.store import Store
from orchestrator.testing import MIDNIGHT, make_case, make_profile
from tests.lab.telling import RUN, lane_started, profiled, ready, started, tell


@pytest.fixture
def store(migrated_url):
    with Store.open(migrated_url) as opened:
        tell(opened, started(), ready(), lane_started())
        yield opened


def test_a_profile_comes_back_as_it_was_with_its_operators_in_order(store):
    profile = make_profile()

    tell(store, profiled(profile))

    assert store.profiles(RUN, make_case()) == (profile,)
    assert store.profiles(RUN, make_case(threads=2)) == ()


def test_a_profile_that_arrives_twice_is_stored_once(store):
    tell(store, profiled(offset=10), profiled(offset=10), profiled(make_profile(error="another")))

    assert store.profiles(RUN, make_case()) == (make_profile(),)


def test_a_failed_profile_is_a_step_that_is_done(store):
    failed = make_profile(error="killed by SIGSEGV", invocations=0, total_ns=0, quiet_ns=0, operators=())

    tell(store, profiled(failed))

    assert store.profiles(RUN, make_case()) == (failed,)
    assert store.done_steps(RUN) == {"profile-1"}


def test_profiles_of_every_run_come_newest_first(store):
    later = make_profile(profile="profile-2", ended_at=MIDNIGHT + timedelta(hours=1))
    tell(store, started("run-2"), profiled(), replace(profiled(later), run="run-2"))

    every = store.profiles(None, make_case())

    assert [profile.profile for profile in every] == ["profile-2", "profile-1"]
    assert store.profiles("run-2", make_case()) == (later,)
