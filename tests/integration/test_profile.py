"""`farm run --profile`, then what its operators explain: the real agent, the real runtime."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.tensorflow

FLOAT32, DYNAMIC = "local/tiny-cxr/float32/litert/t1/b1", "local/tiny-cxr/dynamic/litert/t1/b1"
ONLY = ("--effort", "smoke", "--schemes", "float32,dynamic", "--runtimes", "litert,null", "--profile")


def test_operators_are_timed_stored_shown_and_explain_a_scheme(project):
    planned = project.farm("run", *ONLY, "--dry-run").stdout
    done = project.process("run", *ONLY)
    profiles = project.rows("SELECT error, unsupported, invocations FROM profiles ORDER BY unsupported, id")
    again = project.process("run", "--resume", "latest")
    shown = project.farm("results", "profile", DYNAMIC, COLUMNS="80").stdout
    explained = project.json("results", "explain", DYNAMIC)
    profile = project.json("results", "profile", DYNAMIC)["profile"]
    (row,) = project.json("results", "list", "--scheme", "dynamic", "--runtime", "litert")
    ((counted,),) = project.rows(
        "SELECT sum(s.count) FROM samples s JOIN attempts a ON a.id = s.attempt JOIN cases c ON c.id = a.case_id "
        "WHERE s.kind = 'latency' AND c.scheme = 'dynamic' AND c.runtime = 'litert'"
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 profilings" in planned
    assert f"profile    {FLOAT32}" in planned
    assert "profile not possible" in done.stderr
    assert "runtime null has no profiler" in done.stderr
    assert [bool(error) for error, _, _ in profiles] == [False, False, True, True]
    assert all(invocations >= 5 for _, unsupported, invocations in profiles if not unsupported)
    assert again.returncode == 0
    assert len(project.events("Profiled")) == len(profiles) == 4
    assert "*f32,i8" in shown
    assert "1 of 15 operators ran outside XNNPACK" in shown
    assert "no operator" in shown
    assert (row["attempts"], row["samples"]) == (1, counted)  # none of the profile's invocations among them
    assert profile["invocations"] >= 5
    assert 0 < sum(operator["share"] for operator in profile["operators"]) <= 1.02
    outside = [finding["sentence"] for finding in explained["findings"] if finding["kind"] == "delegate"]
    assert "DEPTHWISE_CONV_2D (float32, int8 -> float32)" in outside[0]
    assert not any("operators" in gap["what"] for gap in explained["missing"])
