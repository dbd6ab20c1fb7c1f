"""Which runtime a device can have is a table and the device's facts; every refusal says what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator.devices.provisioning.choose import Target, choose, choose_runtime, name_of
from orchestrator.errors import DeviceUnfit
from orchestrator.runtimes.pins import Pin, SystemPackage, pins, system_packages, versions

PAGE = Path(__file__).parents[2] / "docs" / "devices.md"
RUNTIMES = ("litert", "tflite", "null")
PI = {"machine": "aarch64", "python": "3.11.2", "libc": "glibc 2.36"}


def facts(**different):
    return {**PI, **different}


def chosen(runtime, **different):
    return {pin.project: str(pin.version) for pin in choose(Target.of(facts(**different)), runtime)}


def refusal(runtime, **different):
    with pytest.raises(DeviceUnfit) as caught:
        choose(Target.of(facts(**different)), runtime)
    return caught.value


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize(
    ("runtime", "python", "expected"),
    [
        ("litert", "3.9.2", {"ai-edge-litert": "2.1.0", "numpy": "2.0.2"}),
        ("litert", "3.10.12", {"ai-edge-litert": "2.3.0", "numpy": "2.2.6"}),
        ("litert", "3.11.2", {"ai-edge-litert": "2.3.0", "numpy": "2.4.6"}),
        ("litert", "3.12.3", {"ai-edge-litert": "2.3.0", "numpy": "2.4.6"}),
        ("litert", "3.13.5", {"ai-edge-litert": "2.3.0", "numpy": "2.4.6"}),
        ("litert", "3.14.0", {"ai-edge-litert": "2.3.0", "numpy": "2.4.6"}),
        ("tflite", "3.9.2", {"tflite-runtime": "2.14.0", "numpy": "1.26.4"}),
        ("tflite", "3.10.12", {"tflite-runtime": "2.14.0", "numpy": "1.26.4"}),
        ("tflite", "3.11.2", {"tflite-runtime": "2.14.0", "numpy": "1.26.4"}),
        ("null", "3.11.2", {"numpy": "2.4.6"}),
    ],
)
def test_the_table_gives_each_python_its_wheels(machine, runtime, python, expected):
    assert chosen(runtime, machine=machine, python=python) == expected


@pytest.mark.parametrize(
    "sign", [{"vulkan": ["nvidia"]}, {"vulkan_adapters": [{"name": "V3D 7.1.7.0", "type": "hardware"}]}], ids=str
)
def test_a_gpu_runtime_is_brought_where_there_is_a_sign_of_a_driver(sign):
    assert chosen("litert-gpu", **sign)["ai-edge-litert"] == "2.3.0"


@pytest.mark.parametrize(
    ("runtime", "different", "words"),
    [
        ("litert", {"machine": "armv7l"}, "there are wheels for aarch64 and x86_64"),
        ("litert", {"machine": "riscv64"}, "there are wheels for aarch64 and x86_64"),
        ("litert", {"python": "3.8.10"}, "farm needs Python 3.9 or later"),
        ("litert", {"python": "3.15.0"}, "there are wheels for Python 3.9 to 3.14"),
        ("tflite", {"python": "3.12.3"}, "there are wheels for Python 3.9 to 3.11"),
        ("litert", {"libc": "glibc 2.31"}, "its wheels need glibc 2.34"),
        ("litert", {"libc": "glibc 2.28", "python": "3.9.2"}, "its wheels need glibc 2.30"),
        ("litert", {"libc": "glibc 2.24", "machine": "x86_64"}, "its wheels need glibc 2.27"),
        ("tflite", {"libc": "glibc 2.24"}, "its wheels need glibc 2.27"),
        ("tflite", {"libc": "glibc 2.28", "machine": "x86_64"}, "its wheels need glibc 2.29"),
        ("litert", {"libc": "musl"}, "its wheels need glibc, not musl"),
        ("litert", {"libc": "bionic"}, "its wheels need glibc, not bionic"),
        ("litert", {"has_ctypes": False}, "no module ctypes"),
        ("litert", {"noexec": True}, "noexec"),
        ("litert", {"disk_free_bytes": 50_000_000}, "it takes about 152 MB, and 50.0 MB are free there"),
        ("tensorflow", {}, "farm has no wheels of it"),
        ("litert-gpu", {}, "the device has no Vulkan driver"),
    ],
    ids=str,
)
def test_a_device_that_no_wheel_fits_is_told_why_and_what_to_do(runtime, different, words):
    unfit = refusal(runtime, **different)

    assert words in unfit.message
    assert unfit.hint


def test_a_phone_is_refused_with_the_page_about_phones():
    assert "docs/device-phone.md" in refusal("litert", libc="bionic", python="3.12.4").hint
    assert "docs/device-phone.md" not in refusal("litert", libc="musl").hint


def test_a_raspberry_pi_with_bullseye_gets_both_runtimes():
    bullseye = facts(python="3.9.2", libc="glibc 2.31")

    assert [choose_runtime(bullseye, allowed=[name]) for name in ("litert", "tflite")] == ["litert", "tflite"]


def test_facts_that_are_missing_are_unfit_and_no_crash():
    with pytest.raises(DeviceUnfit):
        choose(Target.of({}), "litert")


def test_a_mac_that_is_called_arm64_has_no_glibc():
    assert Target.of({"machine": "arm64", "python": "3.12.1", "libc": ""}).glibc is None


def test_a_32_bit_system_on_a_64_bit_kernel_counts_as_what_it_is():
    assert chosen("tflite", bits=32, numpy="1.24.2") == {"tflite-runtime": "2.14.0"}

    unfit = refusal("litert", bits=32)
    assert "armv7l (a 32-bit system on a 64-bit aarch64 kernel)" in unfit.message
    assert unfit.hint == "install a 64-bit system on the device"


@pytest.mark.parametrize(
    ("numpy", "words"),
    [
        (None, "the device has none"),
        ("1.19.5", "the device has 1.19.5"),
        ("2.2.4", "the device has 2.2.4"),
        ("2.0.0rc1", "the device has 2.0.0rc1"),
    ],
)
def test_where_no_numpy_is_published_the_devices_own_must_do(numpy, words):
    unfit = refusal("tflite", machine="armv7l", numpy=numpy)

    assert "it needs numpy>=1.23.2,<2, which is not published for armv7l, and " + words in unfit.message
    assert unfit.hint == "on the device: sudo apt install python3-numpy"


@pytest.mark.parametrize(
    ("python", "numpy", "version"),
    [
        ("3.9.2", "1.19.5", "2.11.0"),
        ("3.10.12", "1.21.5", "2.13.0"),
        ("3.11.2", "1.23.2", "2.14.0"),
        ("3.11.2", "1.24.2", "2.14.0"),
        ("3.11.2", "1.26.4+deb13", "2.14.0"),
    ],
)
def test_a_numpy_of_the_device_that_fits_is_enough(python, numpy, version):
    assert chosen("tflite", machine="armv7l", python=python, numpy=numpy) == {"tflite-runtime": version}


def test_another_python_on_the_device_that_fits_is_named():
    pythons = {"3.8": "/usr/bin/python3.8", "3.9": "/usr/bin/python3.9", "3.11": "/usr/bin/python3.11", "3.15": "/x"}

    for different in ({"python": "3.8.10"}, {"python": "3.15.1"}, {"has_ctypes": False, "python": "3.10.2"}):
        unfit = refusal("litert", pythons=pythons, **different)
        assert "`python: /usr/bin/python3.11`" in unfit.hint


def test_another_python_that_does_not_help_is_not_named():
    pythons = {"3.11": "/usr/bin/python3.11", "3.12": "/usr/bin/python3.12"}

    assert "/usr/bin" not in refusal("tflite", python="3.13.5", pythons={"3.12": "/usr/bin/python3.12"}).hint
    assert "/usr/bin" not in refusal("litert", libc="musl", python="3.8.1", pythons=pythons).hint
    assert "/usr/bin" not in refusal("tflite", machine="armv7l", python="3.13.5", pythons=pythons).hint


def test_an_environment_that_is_there_needs_no_more_room():
    there = name_of(choose(Target.of(facts()), "litert"))

    assert chosen("litert", disk_free_bytes=1000, environments=[there])
    assert refusal("litert", disk_free_bytes=1000, environments=["another"])


def test_a_device_gets_the_best_runtime_it_can_have():
    assert choose_runtime(facts()) == "litert"
    assert choose_runtime(facts(), allowed=["tflite"]) == "tflite"
    assert choose_runtime(facts(bits=32, numpy="1.24.2")) == "tflite"


def test_what_a_device_has_by_itself_needs_no_wheel():
    tried = {
        "litert": {"error": "No module named …"},
        "tflite": {"works": True},
        "tensorflow": {"works": True},
        "acme": {"works": True},
    }

    without_wheels = facts(libc="musl", runtimes=tried)
    assert choose_runtime(without_wheels) == "tflite"
    assert choose_runtime(without_wheels, allowed=["tensorflow"]) == "tensorflow"
    for unfit in ("litert", "acme"):
        with pytest.raises(DeviceUnfit):
            choose_runtime(without_wheels, allowed=[unfit])


def test_null_is_no_choice():
    with pytest.raises(DeviceUnfit):
        choose_runtime(facts(libc="musl", runtimes={"null": {"works": True}}))

    with pytest.raises(DeviceUnfit):
        choose_runtime(facts(), allowed=["null"])


def test_a_device_without_any_choice_is_told_of_each_runtime_why():
    with pytest.raises(DeviceUnfit) as caught:
        choose_runtime(facts(machine="armv7l"))

    assert re.search(r"litert: .* there are wheels for aarch64 and x86_64\n", caught.value.message)
    assert re.search(r"tflite: .* it needs numpy", caught.value.message)
    assert "64-bit system" in caught.value.hint
    assert "apt install python3-numpy" in caught.value.hint


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_line_of_the_table_is_a_wheel_with_its_hash(runtime):
    table = pins(runtime)

    assert len(table) == len({pin.filename for pin in table}) > 0
    for pin in table:
        assert re.fullmatch(r"[0-9a-f]{64}", pin.sha256)
        assert pin.filename.endswith(".whl")
        assert pin.machine in ("x86_64", "aarch64", "armv7l")
        assert (2, 17) <= pin.glibc <= (2, 34)
        assert (3, 9) <= pin.python <= (3, 14)
        assert 1_000_000 < pin.size_bytes < 30_000_000


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_each_machine_and_python_of_the_table_has_one_of_each_package(runtime):
    by_host = {}
    for pin in pins(runtime):
        by_host.setdefault((pin.machine, pin.python), []).append(pin.project)
    own_projects = {(companion.machine, companion.project) for companion in system_packages(runtime)}

    everything = {pin.project for pin in pins(runtime)}
    for (machine, _), projects in by_host.items():
        assert sorted(projects) == sorted(everything - {project for at, project in own_projects if at == machine})


@pytest.mark.parametrize(
    "runtime", ["litert==1.4.0", "litert==2.2.0", "tflite==2.14.0", "litert-gpu", "litert-compiled"]
)
def test_a_pinned_runtime_has_its_own_version_and_what_that_needs(runtime):
    target = Target(machine="x86_64", python=(3, 11), glibc=(2, 36), vulkan=True)

    chosen = choose(target, runtime)

    name, _, version = runtime.partition("==")
    projects = {pin.project: str(pin.version) for pin in chosen}
    assert "numpy" in projects
    if version:
        assert version in projects.values()
        assert name_of(chosen) != name_of(choose(target, name)) or runtime == "tflite==2.14.0"
    else:
        assert projects["ml-dtypes"] == "0.5.4"
        assert projects["ai-edge-litert"] == "2.3.0"


def test_a_version_that_has_no_wheel_for_the_device_says_where_it_has_and_which_version_the_device_can_have():
    target = Target(machine="x86_64", python=(3, 13), glibc=(2, 36))

    with pytest.raises(DeviceUnfit, match=r"there are wheels for Python 3\.10 to 3\.12") as caught:
        choose(target, "litert==1.4.0")
    assert caught.value.hint == "of litert it can have 2.1.2, 2.2.0, 2.3.0"
    with pytest.raises(DeviceUnfit, match=r"there are wheels for Python 3\.9\n"):
        choose(target, "litert==2.1.0")


def test_a_version_without_a_wheel_for_the_devices_machine_is_not_brought_as_numpy_alone():
    with pytest.raises(
        DeviceUnfit, match=r"no tflite==2\.11\.0 can be brought .*: there are wheels for armv7l"
    ) as caught:
        choose(Target(machine="x86_64", python=(3, 11), glibc=(2, 36)), "tflite==2.11.0")
    assert caught.value.hint == "of tflite it can have 2.14.0"


@pytest.mark.parametrize(
    "runtime", ["litert", "litert-builtin", "litert-compiled", "litert-gpu", "tflite", "delegate", "onnxruntime"]
)
def test_every_version_comes_with_a_numpy_and_its_own_distribution_wherever_it_comes(runtime):
    for version in versions(runtime):
        by_place = {}
        for pin in pins(f"{runtime}=={version}"):
            by_place.setdefault((pin.machine, pin.python), {})[pin.project] = str(pin.version)
        assert by_place
        own_places = {(companion.machine, companion.python) for companion in system_packages(runtime)}
        for place, projects in by_place.items():
            assert version in projects.values()
            assert "numpy" in projects or place in own_places
            assert ("ml-dtypes" in projects) == (runtime in {"litert-compiled", "litert-gpu"})


def test_a_python_that_numpy_is_there_for_and_the_runtime_is_not_is_told():
    with pytest.raises(DeviceUnfit, match=r"there are wheels for Python 3\.11 to 3\.14"):
        choose(Target(machine="x86_64", python=(3, 10), glibc=(2, 36)), "onnxruntime")


def test_versions_come_oldest_first():
    known = versions("litert")

    assert (known[0], known[-1]) == ("1.1.2", "2.3.0")
    assert known.index("2.1.2") < known.index("2.2.0")
    assert versions("litert-compiled") == ("2.2.0", "2.3.0")
    assert versions("null") == versions("tensorflow") == ()


def test_what_a_device_must_have_by_itself_is_in_the_table():
    numpy = {companion.python: companion for companion in system_packages("tflite")}

    assert numpy[3, 11] == SystemPackage(requirement="numpy>=1.23.2,<2", machine="armv7l", python=(3, 11))
    assert set(numpy) == {pin.python for pin in pins("tflite") if pin.machine == "armv7l"}
    assert system_packages("litert") == system_packages("nosuch") == ()


def test_a_file_has_one_hash_and_one_size_wherever_it_is_listed():
    rows = {(pin.filename, pin.sha256, pin.size_bytes, pin.glibc) for runtime in RUNTIMES for pin in pins(runtime)}

    assert len(rows) == len({row[0] for row in rows}) == len({row[1] for row in rows})


def test_the_page_says_of_machines_pythons_and_glibc_what_the_table_says():
    row = r"\| `(\w+)` \| ([\w-]+) \| 3\.(\d+)(?: to 3\.(\d+))? \| glibc (\d+)\.(\d+) \| "
    said = {}
    for runtime, machine, first, last, *glibc in re.findall(row, PAGE.read_text(encoding="utf-8")):
        for minor in range(int(first), int(last or first) + 1):
            said[runtime, machine.replace("x86-64", "x86_64"), (3, minor)] = tuple(map(int, glibc))

    known = {}
    for runtime in ("litert", "tflite", "onnxruntime"):
        places = {(pin.machine, pin.python) for pin in pins(runtime) if pin.project != "numpy"}
        for pin in pins(runtime):
            if (pin.machine, pin.python) in places:
                key = runtime, pin.machine, pin.python
                known[key] = max(pin.glibc, known.get(key, pin.glibc))
    assert said == known


def test_the_name_of_an_environment_depends_on_the_hashes_alone():
    one, two = (
        Pin(filename="a-1-cp311-cp311-linux_x86_64.whl", sha256="a" * 64),
        Pin(filename="b-1-cp311-cp311-linux_x86_64.whl", sha256="b" * 64),
    )

    assert name_of([one, two]) == name_of([two, one])
    assert name_of([one]) != name_of([two])
