"""What fuzzing found once, and a little of it anew."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import seed as seeded

from tests.fuzz.mutations import mutated
from tests.fuzz.targets import CORPUS, TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_every_file_of_the_corpus_is_read_or_refused_in_the_words_of_farm(tmp_path, name):
    target = TARGETS[name]
    corpus = target.corpus()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what libraries think of broken files
        crashes = [crash for data in corpus if (crash := target.crash(data, tmp_path)) is not None]

    assert crashes == []


@pytest.mark.parametrize("name", TARGETS)
def test_some_mutations_of_the_corpus_are_read_or_refused_in_the_words_of_farm(tmp_path, name):
    target = TARGETS[name]

    @seeded(20261127)
    @settings(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(mutated(target, tuple(target.corpus())))
    def attempt(data):
        crash = target.crash(data, tmp_path)
        if crash is not None:
            raise crash

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        attempt()


def test_every_corpus_is_of_a_reader_and_of_small_files():
    files = [path for path in CORPUS.rglob("*") if path.is_file()]

    assert {path.parent.name for path in files} == set(TARGETS)
    assert max(path.stat().st_size for path in files) < 20_000
