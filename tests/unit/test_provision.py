"""Which wheels a device needs is a table; getting them never trusts anything but their hashes."""

from __future__ import annotations

import functools
import hashlib
import re
import shutil
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from orchestrator.errors import DeviceUnfit
from orchestrator.provision import Pin, Target, choose, environment_for, name_of, pins

RUNTIMES = ("litert", "tflite", "null")


def facts(machine="aarch64", python="3.11.2", libc="glibc 2.36"):
    return {"machine": machine, "python": python, "libc": libc}


def chosen(runtime, **device):
    return {pin.project: pin.filename.split("-")[1] for pin in choose(Target.of(facts(**device)), runtime)}


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize(
    ("runtime", "python", "expected"),
    [
        ("litert", "3.9.2", {"ai_edge_litert": "2.1.0", "numpy": "2.0.2"}),
        ("litert", "3.10.12", {"ai_edge_litert": "2.3.0", "numpy": "2.2.6"}),
        ("litert", "3.11.2", {"ai_edge_litert": "2.3.0", "numpy": "2.4.6"}),
        ("litert", "3.12.3", {"ai_edge_litert": "2.3.0", "numpy": "2.4.6"}),
        ("litert", "3.13.5", {"ai_edge_litert": "2.3.0", "numpy": "2.4.6"}),
        ("litert", "3.14.0", {"ai_edge_litert": "2.3.0", "numpy": "2.4.6"}),
        ("tflite", "3.9.2", {"tflite_runtime": "2.14.0", "numpy": "1.26.4"}),
        ("tflite", "3.10.12", {"tflite_runtime": "2.14.0", "numpy": "1.26.4"}),
        ("tflite", "3.11.2", {"tflite_runtime": "2.14.0", "numpy": "1.26.4"}),
        ("null", "3.11.2", {"numpy": "2.4.6"}),
    ],
)
def test_the_table_gives_each_python_its_wheels(machine, runtime, python, expected):
    assert chosen(runtime, machine=machine, python=python) == expected


@pytest.mark.parametrize(
    ("runtime", "device", "words"),
    [
        ("litert", {"machine": "armv7l"}, "there are wheels for aarch64 and x86_64"),
        ("litert", {"python": "3.8.10"}, "there are wheels for Python 3.9 to 3.14"),
        ("litert", {"python": "3.15.0"}, "there are wheels for Python 3.9 to 3.14"),
        ("tflite", {"python": "3.12.3"}, "there are wheels for Python 3.9 to 3.11"),
        ("litert", {"libc": "glibc 2.24"}, "its wheels need glibc 2.27"),
        ("tflite", {"libc": "glibc 2.31"}, "its wheels need glibc 2.34"),
        ("litert", {"libc": "musl"}, "its wheels need glibc"),
        ("litert-gpu", {}, "farm has no wheels of it"),
    ],
    ids=str,
)
def test_a_device_that_no_wheel_fits_is_told_why_and_what_to_do(runtime, device, words):
    with pytest.raises(DeviceUnfit) as caught:
        choose(Target.of(facts(**device)), runtime)

    assert words in caught.value.message
    assert caught.value.hint


def test_facts_that_are_missing_are_unfit_and_no_crash():
    with pytest.raises(DeviceUnfit):
        choose(Target.of({}), "litert")


def test_a_mac_that_is_called_arm64_has_no_glibc():
    assert Target.of({"machine": "arm64", "python": "3.12.1", "libc": ""}).glibc is None


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_line_of_the_table_is_a_wheel_with_its_hash(runtime):
    table = pins(runtime)

    assert len(table) == len({pin.filename for pin in table}) > 0
    for pin in table:
        assert re.fullmatch(r"[0-9a-f]{64}", pin.sha256)
        assert pin.filename.endswith(".whl")
        assert pin.machine in ("x86_64", "aarch64")
        assert pin.glibc >= (2, 17)
        assert (3, 9) <= pin.python <= (3, 14)


def test_a_file_has_one_hash_wherever_it_is_listed():
    rows = {(pin.filename, pin.sha256) for runtime in RUNTIMES for pin in pins(runtime)}

    assert len(rows) == len({filename for filename, _ in rows})


def test_the_name_of_an_environment_depends_on_the_hashes_alone():
    one, two = Pin(filename="a-1-cp311.whl", sha256="a" * 64), Pin(filename="b-1-cp311.whl", sha256="b" * 64)

    assert name_of([one, two]) == name_of([two, one])
    assert name_of([one]) != name_of([two])


@pytest.fixture
def wheelhouse(tmp_path):
    """Give a folder with two small wheels, such as pip accepts."""
    folder = tmp_path / "wheelhouse"
    folder.mkdir()
    for project in ("little", "numpy"):
        path = folder / f"{project}-1.0-cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64.whl"
        info = f"{project}-1.0.dist-info"
        tag = "Tag: cp311-cp311-manylinux_2_17_aarch64\n"
        with zipfile.ZipFile(path, "w") as wheel:
            wheel.writestr(f"{project}/__init__.py", "")
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {project}\nVersion: 1.0\n")
            wheel.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\n{tag}")
            wheel.writestr(f"{info}/RECORD", "")
    return folder


@pytest.fixture
def little(wheelhouse, tmp_path):
    """Give ``little(wheelhouse=…)``: the environment of a runtime whose table lists the wheels of `wheelhouse`."""
    table = [
        Pin(filename=path.name, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(wheelhouse.iterdir())
    ]
    return functools.partial(environment_for, facts(), "little", cache=tmp_path / "cache", table=table)


def test_a_wheelhouse_is_enough_without_any_network(little, wheelhouse, tmp_path):
    environment = little(wheelhouse=wheelhouse)

    assert [wheel.path.parent for wheel in environment.wheels] == [tmp_path / "cache"] * 2
    for wheel in environment.wheels:
        assert hashlib.sha256(wheel.path.read_bytes()).hexdigest() == wheel.sha256


def test_the_cache_is_enough_the_second_time(little, wheelhouse):
    first = little(wheelhouse=wheelhouse)
    shutil.rmtree(wheelhouse)

    assert little() == first


def test_a_damaged_file_in_the_cache_is_replaced(little, wheelhouse):
    first = little(wheelhouse=wheelhouse)
    first.wheels[0].path.write_bytes(b"torn")

    again = little(wheelhouse=wheelhouse)

    assert again.wheels[0].path.read_bytes() != b"torn"


def test_a_wheel_with_another_hash_is_refused_and_not_kept(little, wheelhouse, tmp_path):
    wrong = next(iter(wheelhouse.iterdir()))
    wrong.write_bytes(b"something else")

    with pytest.raises(DeviceUnfit, match="its sha256 is not"):
        little(wheelhouse=wheelhouse)

    assert not (tmp_path / "cache" / wrong.name).exists()


@pytest.fixture
def offline(monkeypatch):
    """Let pip see no index, whatever this machine's configuration says."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)


def test_a_wheel_that_can_not_be_had_names_itself_and_the_way_without_internet(little, tmp_path, offline):
    with pytest.raises(DeviceUnfit, match="little") as caught:
        little()

    assert "--wheelhouse" in caught.value.hint
    assert list((tmp_path / "cache").iterdir()) == []


def test_pip_finds_the_very_file_for_a_foreign_platform(little, wheelhouse, offline, monkeypatch):
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheelhouse))

    assert all(wheel.path.is_file() for wheel in little().wheels)


def test_devices_probed_side_by_side_share_one_cache(little, wheelhouse, tmp_path):
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: little(wheelhouse=wheelhouse), range(16)))

    assert len(set(results)) == 1
    assert len(list((tmp_path / "cache").iterdir())) == 2
