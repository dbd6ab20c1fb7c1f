from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from agent import wire
from agent.facts import vulkan
from agent.facts.system_files import Root, run_all

SOFTWARE = {"type": "software", "class": "cpu"}


def probe(device, environ):
    asked = wire.to_json(wire.ProbeRequest(()))
    done = subprocess.run(device.argv("probe"), input=asked, env=environ, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_without_a_driver_nothing_is_asked(tmp_path):
    assert vulkan.question(Root(str(tmp_path)), {"HOME": str(tmp_path)}) is None


@pytest.mark.parametrize("folder", ["usr/share", "etc", "usr/local/share"])
def test_a_drivers_manifest_is_reason_to_ask(tmp_path, folder):
    (tmp_path / folder / "vulkan/icd.d").mkdir(parents=True)
    (tmp_path / folder / "vulkan/icd.d/radeon_icd.x86_64.json").write_text("{}")

    assert vulkan.question(Root(str(tmp_path)), {}) is not None


def test_a_persons_own_manifests_are_reason_to_ask(tmp_path):
    (tmp_path / "me/.local/share/vulkan/icd.d").mkdir(parents=True)
    (tmp_path / "me/.local/share/vulkan/icd.d/mine.json").write_text("{}")

    assert vulkan.question(Root(str(tmp_path)), {"HOME": str(tmp_path / "me")}) is not None
    assert vulkan.question(Root(str(tmp_path)), {"VK_DRIVER_FILES": "/mine.json"}) is not None


def test_adapters_are_hardware_or_software_by_their_type():
    described = vulkan.describe(name=b"V3D 7.1.7.0", kind=1, driver=b"V3DV Mesa 24.2.8", api=1 << 22 | 2 << 12 | 289)

    assert described == {
        "name": "V3D 7.1.7.0",
        "type": "hardware",
        "class": "integrated",
        "driver": "V3DV Mesa 24.2.8",
        "api": "1.2.289",
    }
    assert vulkan.describe(name=b"llvmpipe", kind=4, driver=b"", api=0)["type"] == "software"
    assert vulkan.describe(name=b"\xffnew", kind=77, driver=b"", api=0)["class"] == "other"


def test_what_drivers_print_before_the_answer_is_ignored():
    answer = [{"name": "V3D"}]

    assert vulkan.parse("MESA: warning: not conformant\n" + json.dumps(answer) + "\n") == answer


@pytest.mark.parametrize("printed", ["", "\n\n", "MESA: error", "3"])
def test_a_driver_without_a_usable_answer_leaves_no_adapter(printed):
    assert vulkan.parse(printed) == []


def test_where_no_driver_answers_the_fact_is_absent(device, tmp_path):
    nobody = {**os.environ, "VK_DRIVER_FILES": str(tmp_path / "none.json")}

    assert "vulkan_adapters" not in probe(device, nobody)


def test_a_driver_that_crashes_harms_only_the_process_that_asked(tmp_path):
    crash = (sys.executable, "-c", "import os; os.abort()")

    assert vulkan.parse(run_all({"vulkan": crash}, "").get("vulkan", "")) == []


def test_a_software_driver_is_found_and_called_software(swiftshader):
    done = subprocess.run(
        [sys.executable, "-c", "from agent.facts import vulkan; vulkan.main([])"],
        env=swiftshader,
        stdout=subprocess.PIPE,
        check=True,
    )

    [adapter] = vulkan.parse(done.stdout.decode())
    assert "SwiftShader" in adapter["name"]
    assert adapter.items() >= SOFTWARE.items()
    assert "SwiftShader" in adapter["driver"]


def test_a_probe_lists_the_adapters(device, swiftshader):
    [adapter] = probe(device, swiftshader)["vulkan_adapters"]

    assert adapter.items() >= SOFTWARE.items()
