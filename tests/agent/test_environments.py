from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from importlib import metadata

import pytest

from agent import wire
from tests.agent.device import wheel


def ask(device, files, name="env-1"):
    sha256 = device.push(wheel(files))
    return wire.to_json(wire.EnvironmentRequest(name, (wire.Wheel("some-1.whl", sha256),)))


def test_wheels_are_unpacked_side_by_side_and_byte_compiled(device):
    one = device.push(wheel({"one/__init__.py": "x = 1\n"}))
    two = device.push(wheel({"two.py": "y = 2\n"}))
    wheels = (wire.Wheel("one-1.whl", one), wire.Wheel("two-1.whl", two))

    answer = device.ask("environment", stdin=wire.to_json(wire.EnvironmentRequest("env-1", wheels)))

    folder = device.workdir / "environments" / "env-1"
    assert answer == {"environment": "env-1", "reused": False, "damaged": False}
    assert (folder / "one" / "__init__.py").read_text() == "x = 1\n"
    assert list(folder.glob("__pycache__/two.*.pyc"))


@pytest.mark.parametrize("victim", ["two.py", "__pycache__/two.*.pyc", ".farm-files"])
@pytest.mark.parametrize("how", ["bit", "cut", "gone"])
def test_an_environment_that_changed_on_the_disk_is_unpacked_again(device, victim, how):
    order = ask(device, {"two.py": "y = 2\n"})
    device.ask("environment", stdin=order)
    folder = device.workdir / "environments" / "env-1"
    [path] = folder.glob(victim)
    content = path.read_bytes()
    path.write_bytes(content[:-1] if how == "cut" else content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])
    if how == "gone":
        path.unlink()

    again, after = (device.ask("environment", stdin=order) for _ in range(2))

    made_by_an_older_farm = victim == ".farm-files" and how == "gone"
    assert again == {"environment": "env-1", "reused": False, "damaged": not made_by_an_older_farm}
    assert after == {"environment": "env-1", "reused": True, "damaged": False}
    assert (folder / "two.py").read_text() == "y = 2\n"


def test_tests_of_packages_are_not_compiled_whatever_the_folder_above_is_called(device, tmp_path):
    below = dataclasses.replace(device, workdir=tmp_path / "test" / "agent")

    below.ask("environment", stdin=ask(below, {"pkg/a.py": "", "pkg/tests/b.py": ""}))

    assert [path.name.split(".")[0] for path in below.workdir.rglob("*.pyc")] == ["a"]


def test_byte_code_knows_where_its_source_ends_up(device):
    device.ask("environment", stdin=ask(device, {"a.py": "def f(): pass"}))

    folder = device.workdir / "environments" / "env-1"
    (compiled,) = folder.rglob("*.pyc")
    assert str(folder / "a.py").encode() in compiled.read_bytes()


def test_what_a_wheel_keeps_in_its_data_folder_for_site_packages_comes_along(device):
    files = {
        "a-1.data/purelib/pure.py": "",
        "a-1.data/platlib/pkg/plat.py": "",
        "a-1.data/scripts/tool": "#!python",
        "a.py": "",
    }
    device.ask("environment", stdin=ask(device, files))

    folder = device.workdir / "environments" / "env-1"
    found = {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in (".pyc", "")
    }
    assert found == {"pure.py", "pkg/plat.py", "a.py"}


def test_an_environment_that_exists_is_used_again(device):
    request = ask(device, {"a.py": "first = 1"})
    device.ask("environment", stdin=request)
    (device.workdir / "environments" / "env-1" / "mark").touch()

    assert device.ask("environment", stdin=request)["reused"] is True
    assert (device.workdir / "environments" / "env-1" / "mark").exists()


@pytest.mark.parametrize("name", ["../evil.py", "a/../../evil.py", "/tmp/evil.py", "..\\evil.py", "C:\\evil.py"])
def test_a_wheel_that_writes_outside_is_refused(device, name):
    refusal = device.refusal("environment", stdin=ask(device, {"good.py": "", name: "evil"}))

    assert refusal["error"] == wire.UNFIT
    assert "outside" in refusal["message"]
    assert list(device.workdir.rglob("*.py")) == []
    assert list((device.workdir / "environments").iterdir()) == []


def test_what_is_no_wheel_is_refused_and_leaves_nothing(device):
    request = wire.EnvironmentRequest("env-1", (wire.Wheel("a.whl", device.push(b"no zip")),))

    assert device.refusal("environment", stdin=wire.to_json(request))["error"] == wire.UNFIT
    assert list((device.workdir / "environments").iterdir()) == []


def test_a_wheel_that_is_not_there_is_named(device):
    request = wire.EnvironmentRequest("env-1", (wire.Wheel("numpy-2.whl", "0" * 64),))

    refusal = device.refusal("environment", stdin=wire.to_json(request))

    assert refusal["error"] == wire.BLOB_MISSING
    assert "numpy-2.whl" in refusal["message"]


@pytest.mark.parametrize("name", ["../x", ".", "", "a/b", "x" * 201])
def test_the_name_of_an_environment_leads_nowhere_else(device, name):
    assert device.refusal("environment", stdin=ask(device, {"a.py": ""}, name))["error"] == wire.BAD_REQUEST


def test_processes_that_unpack_the_same_at_once_make_it_once_and_all_succeed(device):
    request = ask(device, {f"pkg/{number}.py": f"x = {number}\n" for number in range(50)})
    pipe = subprocess.PIPE
    several = [subprocess.Popen(device.argv("environment"), stdin=pipe, stdout=pipe) for _ in range(4)]
    for process in several:
        process.stdin.write(request)
    for process in several:  # nothing begins before its request ended
        process.stdin.close()

    answers = [json.loads(process.stdout.read()) for process in several]

    assert [process.wait() for process in several] == [0] * 4
    assert [answer["reused"] for answer in answers].count(False) == 1
    assert [path.name for path in (device.workdir / "environments").iterdir()] == ["env-1"]
    for process in several:
        process.stdout.close()


def test_environments_are_among_the_facts(device):
    device.ask("environment", stdin=ask(device, {"a.py": ""}))
    (device.workdir / "environments" / "env-2.1.tmp").mkdir()

    facts = device.ask("probe", stdin=b"{}")

    assert facts["environments"] == ["env-1"]
    assert facts["numpy"] == metadata.version("numpy")


def test_a_python_without_numpy_has_no_such_fact(device):
    argv = [sys.executable, "-I", "-S", *device.argv("probe")[1:]]
    done = subprocess.run(argv, input=b"{}", capture_output=True, check=True)

    assert "numpy" not in json.loads(done.stdout)


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        ("numpy-1.24.2.egg-info", "1.24.2"),
        ("numpy-1.19.5-py3.9.egg-info", "1.19.5"),
        ("numpy-2.4.6.dist-info", "2.4.6"),
        ("numpy_financial-1.0.0.dist-info", None),
        ("numpy-2.4.6.data", None),
    ],
)
def test_numpy_is_known_by_what_its_installer_left(device, tmp_path, left, expected):
    (tmp_path / left).mkdir()
    code = f"import sys; sys.path.append({str(tmp_path)!r}); sys.argv = ['agent', *sys.argv[2:]]; "
    code += f"sys.path.insert(0, {str(device.zip)!r}); from agent.__main__ import main; sys.exit(main())"
    argv = [sys.executable, "-I", "-S", "-c", code, "", *device.argv("probe")[2:]]

    done = subprocess.run(argv, input=b"{}", capture_output=True, check=True)

    assert json.loads(done.stdout).get("numpy") == expected


def test_the_error_of_a_device_without_the_cpp_library_has_the_command_to_get_it(device):
    words = "libstdc++.so.6: cannot open shared object file: No such file or directory"
    device.ask("environment", stdin=ask(device, {"ai_edge_litert/__init__.py": f"raise ImportError({words!r})"}))
    request = wire.ProbeRequest(runtimes=("litert",), environment="env-1")

    error = device.ask("probe", stdin=wire.to_json(request))["runtimes"]["litert"]["error"]

    assert error == f"the device lacks the C++ library (Debian: sudo apt install libstdc++6): {words}"
