"""`farm run` on a graphics processor: a software one, so scores count and timings do not."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.tensorflow

RUN = ("run", "--effort", "smoke", "--schemes", "float32", "--runtimes", "litert,litert-gpu")


def test_a_software_gpu_scores_as_the_cpu_does_and_is_called_what_it_is(project, swiftshader):
    driver = {name: swiftshader[name] for name in ("VK_DRIVER_FILES", "LD_LIBRARY_PATH")}

    done = project.process(*RUN, **driver)

    assert done.returncode == 0, done.stdout + done.stderr
    on_cpu, on_gpu = sorted(project.json("results"), key=lambda row: row["runtime"])
    assert (on_cpu["runtime"], on_gpu["runtime"], on_gpu["verdict"]) == ("litert", "litert-gpu", "WARN")
    assert "software-gpu" in {reason["code"] for reason in on_gpu["reasons"]}
    assert "software-gpu" not in {reason["code"] for reason in on_cpu["reasons"]}
    assert on_gpu["auc_mean"] == pytest.approx(on_cpu["auc_mean"], abs=1e-3)
    (attempt,) = project.json("results", "show", on_gpu["case"])["attempt_list"]
    assert attempt["effective"]["adapter_type"] == "software"
    assert 0 < attempt["context_ns"] < attempt["load_ns"]

    (pair,) = project.json("results", "breakeven")
    assert (pair["ours"]["case"], pair["theirs"]["case"]) == (on_gpu["case"], on_cpu["case"])
    assert pair["ours"]["context_ns"] == attempt["context_ns"]
    assert pair["ours"]["start_ns"] > attempt["load_ns"]
    assert pair["never"] == (pair["images"] is None)
    nothing = project.farm("results", "breakeven", "--against", "tflite")
    assert nothing.returncode == 0
    assert "runtimes with results: litert, litert-gpu" in nothing.stderr
