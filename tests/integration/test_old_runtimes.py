"""Artifacts on a real tflite-runtime 2.14: measured where it has the kernels, skipped with the reason where it lacks them."""

from __future__ import annotations

import json

import pytest

from orchestrator.devices.provisioning.choose import environment_for
from orchestrator.devices.remote.client import AgentClient
from orchestrator.domain.device import Device
from orchestrator.errors import DeviceUnfit
from orchestrator.transports.local import LocalTransport
from tests.lab.armboard import cache_folder
from tests.lab.simulations import variants

pytestmark = pytest.mark.tensorflow

SUITE = """\
models: tiny-cxr
dataset: {kind: phantom, patients: 40}
runtimes: [tflite, litert]
effort: smoke
devices: local
"""
EVERY_LACK = {
    "dynamic-int8": "FULLY_CONNECTED version 12 needs TensorFlow Lite 2.17",
    "weights-int4": "DEQUANTIZE version 6 needs TensorFlow Lite 2.18",
    "dynamic-int4": "CONV_2D with int4 weights needs TensorFlow Lite 2.19",
}
LACKS = {scheme: EVERY_LACK[scheme] for scheme in variants(["weights-int4", "dynamic-int8", "dynamic-int4"])}
HAS = variants(["dynamic", "dynamic-int8-old", "weights-int8"], most=2)
OLD = {"kind": "dynamic-int8", "name": "dynamic-int8-old", "compat": "tflite-2.14"}


def test_an_old_runtime_measures_what_it_has_kernels_for_and_skips_the_rest_with_that_reason(project, tmp_path):
    device = Device(name="pc", transport="local", workdir=str(tmp_path))
    try:
        facts = AgentClient(LocalTransport(device), device).probe()
        environment_for(facts, "tflite", cache=cache_folder() / "wheels")
    except DeviceUnfit as unfit:
        pytest.skip(f"needs the wheels of tflite for this machine: {unfit}")
    (project.folder / "suite.yaml").write_text(
        SUITE + f"schemes: {json.dumps([OLD if scheme == OLD['name'] else scheme for scheme in (*HAS, *LACKS)])}\n"
    )

    done = project.process("run", "suite.yaml", "--wheelhouse", str(cache_folder() / "wheels"))

    printed = " ".join((done.stdout + done.stderr).split())
    for scheme, words in LACKS.items():
        case = f"local/tiny-cxr/{scheme}/tflite/t1/b1"
        assert f"{case} skipped: {scheme} of tiny-cxr: {words}, local has tflite-runtime 2.14.0" in printed
    rows = {(row["scheme"], row["runtime"]): row for row in project.json("results") if row.get("auc_mean")}
    assert {scheme for scheme, runtime in rows if runtime == "tflite"} == {*HAS}
    assert {scheme for scheme, runtime in rows if runtime == "litert"} == {*HAS, *LACKS}
    for (scheme, runtime), row in rows.items():
        assert row["auc_mean"] == pytest.approx(rows[scheme, "litert"]["auc_mean"], abs=0.01), runtime
    plan = project.farm("run", "suite.yaml", "--dry-run", "--json")
    assert LACKS["weights-int4"] in plan.stdout  # known of what is built
