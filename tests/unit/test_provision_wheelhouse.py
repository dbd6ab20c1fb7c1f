"""Files of wheels are had from wherever they are, and trusted for nothing but their hashes."""

from __future__ import annotations

import functools
import hashlib
import shutil
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from orchestrator.devices.provisioning.choose import environment_for
from orchestrator.devices.provisioning.wheelhouse import fill_wheelhouse, wanted
from orchestrator.errors import DeviceUnfit, UsageError
from orchestrator.runtimes.pins import Pin


def facts():
    return {"machine": "aarch64", "python": "3.11.2", "libc": "glibc 2.36"}


def names_in(folder):
    return {path.name for path in folder.iterdir()}


def table_of(folder):
    """Return the pins of the wheels in a folder."""
    return [
        Pin(filename=path.name, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(folder.iterdir())
    ]


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
    table = table_of(wheelhouse)
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
    assert "farm devices wheels DIR --machine aarch64 --python 3.11" in caught.value.hint


def test_pip_finds_the_very_file_for_a_foreign_platform(little, wheelhouse, offline, monkeypatch):
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheelhouse))

    assert all(wheel.path.is_file() for wheel in little().wheels)


def test_devices_probed_side_by_side_share_one_cache(little, wheelhouse, tmp_path):
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: little(wheelhouse=wheelhouse), range(16)))

    assert len(set(results)) == 1
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_a_controller_without_internet_sets_up_wholly_from_a_wheelhouse(little, wheelhouse, offline, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")

    environment = little(wheelhouse=wheelhouse)

    assert {wheel.what for wheel in environment.wheels} == names_in(wheelhouse)


def test_a_wheelhouse_is_filled_once_with_what_pip_can_get(wheelhouse, tmp_path, offline, monkeypatch):
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheelhouse))
    table = table_of(wheelhouse)
    folder = tmp_path / "to carry over"

    first = list(fill_wheelhouse(folder, table))
    monkeypatch.delenv("PIP_FIND_LINKS")
    second = list(fill_wheelhouse(folder, table))

    assert first == [(pin, False) for pin in table]
    assert second == [(pin, True) for pin in table]
    assert names_in(folder) == {pin.filename for pin in table}


def test_a_folder_filled_that_way_is_a_wheelhouse(wheelhouse, tmp_path, offline, monkeypatch):
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheelhouse))
    table = table_of(wheelhouse)
    list(fill_wheelhouse(tmp_path / "carried", table))
    monkeypatch.delenv("PIP_FIND_LINKS")

    environment = environment_for(
        facts(), "little", cache=tmp_path / "cache", wheelhouse=tmp_path / "carried", table=table
    )

    assert all(wheel.path.is_file() for wheel in environment.wheels)


def test_what_is_wanted_is_narrowed_by_machine_and_python():
    names = {pin.filename.split("-cp")[0] for pin in wanted(["litert"], ["aarch64"], [(3, 11)])}

    assert names == {"ai_edge_litert-2.3.0", "numpy-2.4.6"}


def test_nothing_narrowed_is_everything_and_each_file_once():
    everything = wanted(["litert", "null"])

    assert len(everything) == len(set(everything)) == len(wanted(["litert"]))


@pytest.mark.parametrize(
    ("runtime", "machine"), [("litert", "armv7l"), ("tensorflow", "x86_64"), ("tflite", "riscv64")], ids=str
)
def test_wanting_what_does_not_exist_tells_what_does(runtime, machine):
    with pytest.raises(UsageError, match=f"no wheel of {runtime} .* there is: "):
        wanted([runtime], [machine])
