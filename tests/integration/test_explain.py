"""`farm results explain`: every sentence has evidence, every gap a command."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from orchestrator.cli.results.explain import explain as command
from orchestrator.cli.results.profile import profile_case
from orchestrator.domain import event as happened
from orchestrator.domain.device import LOCAL
from orchestrator.domain.result import Reason, Verdict
from orchestrator.errors import UnknownName, UsageError
from orchestrator.store.store import Store
from orchestrator.testing import MIDNIGHT, make_case, make_measurement, make_profile
from tests.lab.telling import RUN, ended, judged, profiled, ready, started, tell

FLOAT32, INT8 = make_case(), make_case(scheme="int8")
X86 = {"machine": "x86_64", "features": ["avx2", "avx512_vnni"], "caches": {"L2": 500}}
ARM = {"machine": "aarch64", "features": ["asimd"]}


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """A database without a run, to be copied: making its tables takes a second."""
    path = tmp_path_factory.mktemp("empty") / "farm.db"
    Store.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def explained(empty, tmp_path, capsys):
    """Return a function that stores a run of float32 beside int8, and explains a case of it as JSON."""
    shutil.copy(empty, tmp_path)
    (tmp_path / "inventory.yaml").write_text("devices: []\n")

    def explain(*more, facts=None, of=INT8, int8=None, measured=None, float32=None, case=INT8):
        attempts = []
        for number in range(1, 6):
            one = make_measurement([1_000_000 + number * 1000] * 128, attempt=f"f{number}", number=number)
            other = make_measurement([3_000_000 + number * 1000] * 128, attempt=f"i{number}", number=number)
            one = replace(one, **(float32 or {}))
            attempts += [ended(one), ended(replace(other, case=of, artifact="b" * 64, **(measured or {})))]
        with Store.open(f"sqlite:///{tmp_path / 'farm.db'}") as store:
            store.record(
                started(),
                happened.DeviceProbed(run=RUN, device="local", at=MIDNIGHT, entry=LOCAL, facts=facts or {}),
                ready(),
                ready(sha256="b" * 64, size_bytes=250, scheme=of.scheme),
                *attempts,
                judged(attempts=5),
                judged(of, artifact="b" * 64, attempts=5, p50_ns=3_000_000.0, auc_mean=0.88, **(int8 or {})),
                *more,
            )
        command(str(case), inventory=tmp_path / "inventory.yaml", json=True)
        return json.loads(capsys.readouterr().out)

    return explain


def sentences(answer, kind):
    return [finding["sentence"] for finding in answer["findings"] if finding["kind"] == kind]


def test_without_profiles_the_command_that_makes_them_is_given_and_nothing_is_guessed(explained):
    answer = explained(facts=X86)

    assert "slower" in answer["headline"][0]
    assert sentences(answer, "operator") == []
    assert {
        "what": "which operators of float32 and int8 take the time",
        "command": "farm run --profile --devices local --models tiny-cxr --schemes float32,int8 --runtimes litert --threads 1",
    } in answer["missing"]


def test_every_finding_names_its_evidence(explained):
    answer = explained(profiled(), profiled(make_profile(profile="p2", case=INT8, artifact="b" * 64)), facts=X86)

    assert answer["findings"]
    assert all(finding["evidence"] for finding in answer["findings"])
    assert sentences(answer, "operators")
    assert not any("operators" in gap["what"] for gap in answer["missing"])


def test_a_profile_of_another_artifact_is_no_evidence(explained):
    answer = explained(profiled(), profiled(make_profile(profile="p2", case=INT8)))

    assert sentences(answer, "operators") == []
    assert any(gap["what"] == "which operators of int8 take the time" for gap in answer["missing"])


def test_a_runtime_without_a_profiler_is_named_with_one_that_has_it(explained):
    none = {"error": "runtime tflite has none", "unsupported": True, "operators": (), "invocations": 0, "total_ns": 0}

    answer = explained(
        profiled(make_profile(**none)), profiled(make_profile(profile="p2", case=INT8, artifact="b" * 64, **none))
    )

    gap = next(gap for gap in answer["missing"] if "operators" in gap["what"])
    assert gap["what"].endswith(": runtime tflite has none")
    assert "--runtimes litert " in gap["command"]


@pytest.mark.parametrize(
    ("facts", "scheme", "words"),
    [
        (X86, "int8", "has instructions for int8 dot products: VNNI (avx512_vnni); a lack of them is no cause"),
        (X86 | {"features": ["avx2"]}, "dynamic", "no instructions for int8 dot products (AMX (amx_int8) or VNNI"),
        (ARM, "int8", "no instructions for int8 dot products (i8mm or dotprod (asimddp)): int8 has to do without"),
        (ARM | {"features": ["asimddp", "i8mm"]}, "int8", "dot products: i8mm, dotprod (asimddp)"),
        (ARM, "float16", "no instructions for arithmetic in float16 (asimdhp)"),
    ],
)
def test_instructions_are_what_the_facts_list(explained, facts, scheme, words):
    of = make_case(scheme=scheme)

    (sentence,) = sentences(explained(facts=facts, of=of, case=of), "instructions")

    assert words in sentence


@pytest.mark.parametrize("facts", [{}, {"machine": "riscv64", "features": ["v"]}, {"machine": "x86_64"}])
def test_unknown_instructions_are_a_gap_with_a_command(explained, facts):
    answer = explained(facts=facts)

    assert sentences(answer, "instructions") == []
    assert {
        "what": "which instructions the processor of local has",
        "command": "farm devices check local",
    } in answer["missing"]


def test_a_throttled_device_is_a_cause_with_its_verdict_as_evidence(explained):
    reason = Reason(verdict=Verdict.WARN, code="throttled", message="the device slowed itself down", advice="cool it")

    answer = explained(int8={"verdict": Verdict.WARN, "reasons": (reason,)})

    (finding,) = [finding for finding in answer["findings"] if finding["kind"] == "device"]
    assert finding["sentence"] == "int8: the device slowed itself down"
    assert finding["evidence"] == "verdict of int8"


@pytest.mark.parametrize(
    ("hertz", "words"),
    [
        (1.0e9, "the processor ran at 1.00 GHz during int8, but 2.00 GHz during float32"),
        (2.0e9, "the processor ran at 2.00 GHz during int8, 2.00 GHz during float32: its clock is no cause"),
    ],
)
def test_the_clock_of_each_is_named(explained, hertz, words):
    def readings(frequency_hz):
        return tuple({"at_ns": at, "mono_ns": at, "frequency_hz": frequency_hz} for at in range(3))

    answer = explained(measured={"readings": readings(hertz)}, float32={"readings": readings(2.0e9)})

    assert sentences(answer, "clock") == [words]
    assert not any("slowed down" in gap["what"] for gap in answer["missing"])


def test_a_profile_of_another_version_of_the_runtime_is_no_evidence(explained):
    old = {"versions": {"ai-edge-litert": "2.2.0"}}
    ours = make_profile(profile="p2", case=INT8, artifact="b" * 64, **old)

    answer = explained(profiled(make_profile(**old)), profiled(ours))

    assert sentences(answer, "operators") == []
    assert any("operators of float32 and int8" in gap["what"] for gap in answer["missing"])


def test_sensors_that_saw_nothing_are_evidence_and_none_are_a_gap(explained):
    quiet = ({"at_ns": 1, "mono_ns": 1, "frequency_hz": 1.0e9}, {"at_ns": 2, "mono_ns": 2, "frequency_hz": 1.0e9})

    answer = explained(measured={"readings": quiet})

    assert sentences(answer, "device") == []
    assert any("slowed down" in gap["what"] for gap in answer["missing"])


def test_threads_memory_caches_and_a_gpu_start_are_named(explained):
    gpu = {"threads": 4, "delegate": "webgpu", "launch_ns": 600_000}

    answer = explained(
        facts=X86, measured={"effective": gpu, "context_ns": 2_000_000_000, "peak_rss_bytes": 90_000_000}
    )

    assert sentences(answer, "threads") == ["int8 ran with 4 threads in force, float32 with 1"]
    assert "at its peak int8 took 90.0 MB of memory, float32 50.0 MB" in sentences(answer, "memory")
    assert (
        "the file of int8 (250 B) is smaller than the L2 cache (500 B), that of float32 (1.00 kB) is not"
        in sentences(answer, "memory")
    )
    assert sentences(answer, "start") == [
        "starting the GPU took 2.00 s, once for each process, in no invocation",
        "a graph of one node takes 600 µs on the GPU, 20 % of an invocation of int8",
    ]


def test_less_accuracy_is_put_to_the_file_or_to_the_device(explained):
    answer = explained(measured={"golden_mean_difference": 0.002, "golden_max_difference": 0.01})

    assert any("the device computes what the file says" in sentence for sentence in sentences(answer, "accuracy"))


def test_a_device_that_failed_the_golden_check_is_a_cause(explained):
    reason = Reason(verdict=Verdict.INVALID, code="golden-check-failed", message="the scores differ", advice="x")

    answer = explained(
        int8={"verdict": Verdict.INVALID, "reasons": (reason,)},
        measured={"golden_mean_difference": 0.4, "golden_max_difference": 0.5},
    )

    assert sentences(answer, "accuracy")[-1] == "the scores differ"
    assert not any("what the file says" in sentence for sentence in sentences(answer, "accuracy"))


def test_of_what_was_not_measured_no_sensor_is_missed(explained):
    answer = explained(measured={"error": "killed by SIGKILL"})

    assert not any("slowed down" in gap["what"] for gap in answer["missing"])


def test_float32_itself_and_a_run_without_it_are_refused(explained, tmp_path):
    with pytest.raises(UsageError, match="what others are compared with"):
        explained(case=FLOAT32)
    with Store.open(f"sqlite:///{tmp_path / 'farm.db'}") as store:
        alone = replace(INT8, threads=4)
        tell(store, judged(alone, artifact="b" * 64))

    with pytest.raises(UsageError, match=r"has no float32 to compare .*/t4/b1 with"):
        command(str(alone), inventory=tmp_path / "inventory.yaml")


def test_it_reads_in_80_columns(explained, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    explained(profiled(), profiled(make_profile(profile="p2", case=INT8, artifact="b" * 64)), facts=X86)

    command(str(INT8), inventory=tmp_path / "inventory.yaml")

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "local/tiny-cxr/int8/litert/t1/b1 against float32, run run-1"
    assert max(len(line) for line in lines if "farm " not in line) <= 80


def test_a_case_whose_operators_were_not_timed_says_how_to(explained, tmp_path):
    explained()

    with pytest.raises(UsageError, match="its operators were not timed") as refused:
        profile_case(str(INT8), inventory=tmp_path / "inventory.yaml")
    with pytest.raises(UnknownName):
        profile_case(str(replace(INT8, threads=9)), inventory=tmp_path / "inventory.yaml")

    assert refused.value.hint.startswith("farm run --profile --devices local --models tiny-cxr --schemes int8")


def test_a_failed_profile_beside_a_good_one_is_not_shown(explained, tmp_path, capsys):
    failed = make_profile(profile="p2", case=INT8, artifact="b" * 64, error="killed by SIGSEGV", operators=())
    good = make_profile(profile="p3", case=INT8, artifact="b" * 64)
    explained(profiled(), profiled(failed), profiled(good))

    profile_case(str(INT8), inventory=tmp_path / "inventory.yaml", json=True)

    fields = json.loads(capsys.readouterr().out)
    assert fields["profile"]["profile"] == "p3"
    assert fields["against"]["profile"] == "profile-1"
