"""The wheel holds everything: `pip install .` gives the same `farm` as the checkout."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.lab.project import Project

ROOT = Path(__file__).parents[2]


def test_migrations_weights_pins_and_the_agent_are_inside_and_nothing_else_at_the_top(wheel):
    names = zipfile.ZipFile(wheel).namelist()

    for needed in (
        "orchestrator/store/migrations/env.py",
        "orchestrator/models/weights/tiny-cxr.keras",
        "orchestrator/runtimes/wheels/litert.sha256",
        "orchestrator/reports/page/templates/report.html.j2",
        "orchestrator/reports/page/templates/page.js",
        "orchestrator/py.typed",
        "agent/py.typed",
        "agent/__main__.py",
        "agent/runtimes/probe.tflite",
        "agent/runtimes/probe.onnx",
    ):
        assert needed in names
    assert any(name.startswith("orchestrator/store/migrations/versions/") for name in names)
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"orchestrator", "agent", "edge_farm"}


def test_the_wheel_carries_its_license_and_names_no_person(wheel):
    archive = zipfile.ZipFile(wheel)
    (about,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = archive.read(about).decode()

    assert "License-Expression: Apache-2.0\n" in metadata
    assert "Author: the farm developers\n" in metadata
    assert archive.read(about.replace("METADATA", "licenses/LICENSE")) == (ROOT / "LICENSE").read_bytes()


def test_an_installed_farm_creates_its_database_and_packs_the_same_agent(wheel, tmp_path):
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    project = Project(folder=tmp_path)
    (tmp_path / "home").mkdir()
    code = (
        "import hashlib, json, orchestrator\n"
        "from orchestrator.devices.remote.bundle import pack_agent\n"
        "from orchestrator.store.store import Store\n"
        "Store.open('sqlite:///farm.db').close()\n"
        "print(json.dumps([orchestrator.__file__, hashlib.sha256(pack_agent()).hexdigest()]))\n"
    )

    def ask(path):
        environment = project.environment | {"PYTHONPATH": str(path)}
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout)

    installed, checkout = ask(site), ask(ROOT)

    assert installed[0].startswith(str(site))
    assert checkout[0].startswith(str(ROOT))
    assert installed[1] == checkout[1]
    assert project.rows("SELECT version_num FROM alembic_version")
