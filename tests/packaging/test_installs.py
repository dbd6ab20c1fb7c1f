"""The wheel, installed as a person would by uv, pipx and pip, with every Python that is around.

The packages are the registry's own, but for TensorFlow: an empty wheel of its version stands in, which saves 300 MB for each
Python. That TensorFlow's own wheels fit is asked of the registry.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest
from uv import find_uv_bin

from tests.lab.pythons import pythons
from tests.packaging.conftest import ROOT, make_wheel

#: What the metadata promises.
MINORS = (11, 12, 13)
AROUND = pythons(*MINORS, 14)
UNREACHED = re.compile(r"dns error|failed to fetch|error sending request|could not connect", re.IGNORECASE)
INVENTORY = "devices:\n  local: {transport: local}\n"


def run(folder, *words, stdin="", **extra):
    """Run a program without what the person who tests has set for farm and Python."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("FARM_", "PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(
        [str(word) for word in words],
        cwd=folder,
        env=kept | {"NO_COLOR": "1", "COLUMNS": "120"} | extra,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and UNREACHED.search(done.stderr):
        pytest.skip(f"needs the package registry: {done.stderr.strip().splitlines()[-1]}")
    return done


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stand-in")
    pinned = re.search(r"^tensorflow-cpu==(.*)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    for name in ("tensorflow", "tensorflow_cpu"):
        make_wheel(folder, name, f"{pinned[1]}+stand.in", {})  # a local version wins over the registry's
    return folder


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """An empty wheel of everything that is pinned: pip and pipx see what is required, and copy nothing."""
    folder = tmp_path_factory.mktemp("empty")
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        name, pinned, version = line.partition("==")
        if pinned:
            make_wheel(folder, name.lower().replace("-", "_"), version, {})
    return folder


@pytest.mark.parametrize("minor", [*MINORS, 14])
def test_uv_tool_installs_a_farm_that_asks_its_device_with_every_python(wheel, stand_in, tmp_path, minor):
    if f"python3.{minor}" not in AROUND:
        pytest.skip(f"no Python 3.{minor} on this machine")
    places = {"UV_TOOL_DIR": str(tmp_path / "tools"), "UV_TOOL_BIN_DIR": str(tmp_path / "bin")}
    words = ("--quiet", "--no-python-downloads", "--python", AROUND[f"python3.{minor}"], "--find-links", stand_in)

    installed = run(
        tmp_path,
        *(find_uv_bin(), "tool", "install", *words, "--constraints", ROOT / "constraints.txt", f"{wheel}[report,web]"),
        **places,
    )

    assert installed.returncode == 0, installed.stderr
    (tmp_path / "inventory.yaml").write_text(INVENTORY)
    checked = run(tmp_path, tmp_path / "bin" / "farm", "devices", "check", "--json", HOME=str(tmp_path))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f'"3.{minor}.' in json.dumps(json.loads(checked.stdout)), "the device local runs farm's own Python"
    assert [path.name for path in (tmp_path / "bin").iterdir()] == ["farm"]
    shutil.rmtree(tmp_path / "tools")


@pytest.mark.parametrize("minor", MINORS)
def test_the_registry_has_wheels_of_everything_that_is_pinned_for_every_python_that_farm_promises(
    wheel, tmp_path, minor
):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = ",".join(sorted(project["optional-dependencies"].keys() - {"dev"}))

    resolved = run(
        tmp_path,
        *(find_uv_bin(), "pip", "compile", "--quiet", "--no-annotate", "--no-header", "--no-python-downloads"),
        *("--python-version", f"3.{minor}", "--python-platform", "x86_64-manylinux_2_28", "--only-binary", ":all:"),
        *("--constraints", ROOT / "constraints.txt", "-"),
        stdin=f"edge-farm[{extras}] @ {wheel.as_uri()}",
    )

    assert resolved.returncode == 0, resolved.stderr
    assert "tensorflow-cpu==" in resolved.stdout
    assert f"Programming Language :: Python :: 3.{minor}" in project["classifiers"]


def test_pipx_installs_the_command_alone(wheel, empty, tmp_path):
    path = f"{Path(find_uv_bin()).parent}:/usr/bin:/bin"  # of its back ends, uv is the quick one
    places = {"PIPX_HOME": str(tmp_path / "pipx"), "PIPX_BIN_DIR": str(tmp_path / "bin"), "PATH": path}
    pipx = (find_uv_bin(), "tool", "run", "--quiet", "--constraints", ROOT / "constraints.txt", "pipx")
    arguments = f"--no-index --find-links={empty} --constraint={ROOT / 'constraints.txt'}"

    installed = run(
        tmp_path,
        *(*pipx, "install", "--backend", "uv", "--python", sys.executable, "--pip-args", arguments),
        f"{wheel}[report,web]",
        **places,
    )

    assert installed.returncode == 0, installed.stderr
    assert [path.name for path in (tmp_path / "bin").iterdir()] == ["farm"]
    (site,) = tmp_path.glob("pipx/venvs/edge-farm/lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    assert run(tmp_path, tmp_path / "bin" / "farm", "--version").stdout == f"farm {wheel.name.split('-')[1]}\n"


def test_pip_installs_the_same_farm_from_the_wheel(wheel, empty, tmp_path):
    run(tmp_path, find_uv_bin(), "venv", "--quiet", "--seed", "--python", sys.executable, "venv")
    python = tmp_path / "venv" / "bin" / "python"
    words = ("--quiet", "--no-compile", "--no-index", "--find-links", empty, "--constraint", ROOT / "constraints.txt")

    installed = run(tmp_path, python, "-m", "pip", "install", *words, f"{wheel}[report,web]")

    assert installed.returncode == 0, installed.stderr
    (site,) = tmp_path.glob("venv/lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    asked = run(tmp_path, python, "-c", "import orchestrator; print(orchestrator.__file__, orchestrator.Suite)")
    assert Path(asked.stdout.split()[0]).is_relative_to(site)
