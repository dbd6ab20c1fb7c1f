from __future__ import annotations

import sys

import numpy as np
import pytest

from orchestrator.devices.remote.gate import unpack_scores
from tests.agent.device import DATA, integers, npy
from tests.data.make_artifacts import BIAS, SIZE, WEIGHTS

#: What Linux shows of a process's threads is how the effective number is counted.
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


def test_an_attempt_brings_back_everything_that_was_measured(device):
    step = device.step("a", min_invocations=20, min_seconds=0.3, warmup_max_s=5.0)
    device.start(step)

    done = device.done()["a"]

    latency, warmup = integers(done.latency_ns), integers(done.warmup_ns)
    assert len(latency) >= 20
    assert done.span_ns >= sum(latency) >= 0.3e9 * 0.9
    assert done.span_ns >= 0.3e9
    assert min(done.import_ns, done.feed_ns, done.read_ns, done.clock_ns, done.loop_ns) > 0
    assert done.context_ns is None
    assert len(warmup) >= 3
    assert min(latency + warmup) > 0
    assert done.load_ns > 0
    assert done.first_ns > 0
    assert done.wall_ns > sum(latency) + sum(warmup)
    assert done.ended_at_ns > done.began_at_ns
    assert 10_000_000 < done.peak_rss_bytes < 500_000_000
    assert len(done.readings) >= 2
    assert all(done.began_at_ns < reading["at_ns"] < done.ended_at_ns for reading in done.readings)
    assert done.requested == {"threads": 1, "delegate": None}
    assert done.effective["nodes"] >= done.effective["delegated_nodes"] > 0
    assert done.effective["delegate"] == "xnnpack"
    assert done.effective["warmed_up"] in (True, False)
    assert set(done.versions) == {"python", "numpy", "ai-edge-litert"}


@linux
def test_a_worker_that_wants_more_memory_than_it_may_have_fails_its_own_attempt_only(device):
    device.start(device.step("a", memory_bytes=1_000_000), device.step("b", memory_bytes=2_000_000_000))
    done = device.done()

    assert done["a"].error is not None
    assert "it may take 1 MB at most" in done["a"].error
    assert done["b"].error is None


@linux
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_effective_threads_are_counted_not_believed(device, threads):
    device.start(device.step("a", threads=threads))
    done = device.done()["a"]

    assert (done.requested["threads"], done.effective["threads"]) == (threads, threads)


@linux
def test_a_runtime_that_ignores_the_threads_asked_for_is_found_out(device):
    device.start(device.fake("a", "idle", threads=4))
    done = device.done()["a"]

    assert (done.requested["threads"], done.effective["threads"]) == (4, 1)


def test_a_batch_is_measured_as_one_invocation(device):
    device.start(device.step("a", (DATA / "batch-of-four.tflite").read_bytes(), batch=4))

    assert device.done()["a"].error is None


def test_scores_come_back_with_their_auc(device):
    step = device.step("a", kind="score")
    device.start(step)

    done = device.done()["a"]

    scores = device.scores("a")
    assert scores.shape == (10, 3)
    assert ((scores > 0) & (scores < 1)).all()
    labels = np.load(device.workdir / "blobs" / step.labels)
    won = scores[labels[:, 0] == 1, 0][:, None] > scores[labels[:, 0] == 0, 0]
    assert done.auc == (pytest.approx(won.mean()), pytest.approx(done.auc[1]), None)


def test_golden_images_are_scored_by_the_interpreter_that_was_timed(device):
    pixels = np.random.default_rng(3).integers(0, 256, (3, SIZE, SIZE, 3), dtype=np.uint8)
    step = device.step("a", golden=device.push(npy(pixels)))
    batches = device.step("b", (DATA / "batch-of-four.tflite").read_bytes(), batch=4, golden=step.golden)
    device.start(step, batches, device.step("none"), device.step("null", runtime="null", golden=step.golden))

    done = device.done()

    means = pixels.reshape(3, -1, 3).mean(axis=1) / 255
    expected = 1 / (1 + np.exp(-(means @ WEIGHTS + BIAS)))
    for name in "ab":
        scores = unpack_scores(done[name].golden_scores, done[name].golden_shape, "the test")
        assert np.abs(scores - expected).max() < 1e-6
        assert len(integers(done[name].latency_ns)) == 5, "golden invocations are not timed"
    for name in ("none", "null"):
        assert (done[name].error, done[name].golden_scores) == (None, "")


def test_golden_scores_that_are_no_numbers_fail_the_attempt(device):
    golden = device.push(npy(np.zeros((2, SIZE, SIZE, 3), np.uint8)))
    device.start(device.step("a", (DATA / "not-finite.tflite").read_bytes(), golden=golden))

    assert device.done()["a"].error == "of the golden images, 6 of 6 scores are not finite numbers"


def test_a_broken_artifact_fails_with_its_last_words(device):
    device.start(device.step("a", b"no flatbuffer"), device.step("b", kind="score", artifact=b"none"), device.step("c"))

    done = device.done()

    for name in "ab":
        assert "valid Flatbuffer" in done[name].error
        assert done[name].error.startswith("litert can't load the artifact: ValueError: ")
        assert done[name].unloadable
    assert done["c"].error is None


def test_a_crash_of_the_runtime_is_named_by_its_signal(device):
    device.start(device.fake("a", "crash"), device.step("b"))

    done = device.done()

    assert done["a"].error == "about to crash (killed by SIGSEGV)"
    assert done["b"].error is None


def test_a_c_library_that_prints_does_not_spoil_the_answer(device):
    device.start(device.fake("a", "noise"), device.fake("b", "noise", kind="score"))

    done = device.done()

    assert [done[name].error for name in "ab"] == [None, None]
    assert device.scores("b").shape == (10, 3)
    log = (device.workdir / "lanes/lane-1/worker.log").read_text()
    assert "a C library talks" in log
    assert "and so does Python" in log


def test_last_words_are_the_last_two_thousand_characters(device):
    device.start(device.fake("a", "babble"))

    error = device.done()["a"].error

    assert error.endswith("RuntimeError: enough (exit status 1)")
    assert "the end" in error
    assert 1900 < len(error) <= 2000 + len(" (exit status 1)")


def test_what_a_runtime_cannot_load_is_not_tried_again_in_this_lane(device, tmp_path):
    order = "refuse:%s" % (tmp_path / "asked")
    steps = [device.fake(name, order) for name in "abc"]
    device.start(*steps, device.fake("other", "tell:HOME"))

    done = device.done()

    assert (tmp_path / "asked").read_text() == "asked "
    for name in "abc":
        assert done[name].error == "litert can't load the artifact: ValueError: no such version of an operator"
        assert done[name].unloadable
    assert not done["other"].unloadable


def test_numpy_starts_no_threads_of_its_own(device):
    device.start(device.fake("a", "tell:OPENBLAS_NUM_THREADS"))

    assert "OPENBLAS_NUM_THREADS=1 " in device.done()["a"].error


def test_the_packages_of_the_environment_win(device):
    device.start(device.fake("a", "idle"))

    assert device.done()["a"].versions["ai-edge-litert"] == "0"


def test_what_does_not_fit_together_is_an_error_in_one_sentence(device):
    labels = device.push(npy(np.zeros((10, 14), np.uint8)))
    fewer = device.push(npy(np.zeros((9, 3), np.uint8)))
    device.start(
        device.step("columns", kind="score", labels=labels),
        device.step("rows", kind="score", labels=fewer),
        device.step("null", kind="score", runtime="null"),
        device.step("nan", kind="score", artifact=(DATA / "not-finite.tflite").read_bytes()),
        device.step("batch", batch=2),
    )

    errors = {name: record.error for name, record in device.done().items()}

    assert errors == {
        "columns": "the artifact has 3 output columns, the labels have 14",
        "rows": "there are 10 images and 9 rows of labels",
        "null": "this runtime has no output: there is nothing to score",
        "nan": "30 of 30 scores are not finite numbers",
        "batch": "the artifact's input is (1, 8, 8, 3), the case expects (2, 8, 8, 3)",
    }


def test_pickles_are_never_opened(device):
    objects = np.array([{"a": 1}], dtype=object)
    path = device.workdir / "pickle.npy"
    device.workdir.mkdir()
    np.save(path, objects, allow_pickle=True)
    device.start(device.step("a", kind="score", labels=device.push(path.read_bytes())))

    assert "allow_pickle=False" in device.done()["a"].error


def test_the_null_runtime_measures_what_we_add(device):
    device.start(device.step("a", runtime="null", min_invocations=1000))

    done = device.done()["a"]
    latency = integers(done.latency_ns)
    middle = sorted(latency)[len(latency) // 2]
    assert done.invocations_per_sample > 1
    assert middle / done.invocations_per_sample < 20_000
    assert done.loop_ns / 100 < middle < done.loop_ns * 100
    assert (done.feed_ns, done.read_ns) == (None, None)


def test_how_warm_the_device_was_before_its_worker_began_is_in_the_first_reading(device):
    device.start(device.step("a", start_temperature_c=41.5))

    first, *others = device.done()["a"].readings

    assert first["start_temperature_c"] == 41.5
    assert not any("start_temperature_c" in reading for reading in others)
