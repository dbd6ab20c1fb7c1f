"""scripts/sbom: everything that a user gets is in it, with a licence that a user can accept, and nothing else."""

from __future__ import annotations

import json
import re
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from types import SimpleNamespace

import pytest
from packaging.utils import canonicalize_name

from tests.packaging.conftest import ROOT

#: Their wheels state none; their repositories do.
UNSTATED = {"namex": "Apache-2.0"}


@pytest.fixture(scope="module")
def sbom():
    loader = SourceFileLoader("sbom", str(ROOT / "scripts" / "sbom"))
    module = module_from_spec(spec_from_loader("sbom", loader))
    loader.exec_module(module)
    return module


def test_the_list_has_what_farm_needs_directly_and_in_turn_and_what_extras_bring_but_no_tool_of_the_tests(sbom):
    rows = {row.split(" | ")[0].removeprefix("| "): row for row in sbom.table().splitlines()[2:]}

    assert rows["numpy"].endswith("| farm |")
    assert rows["bcrypt"].endswith("| farm |"), "paramiko needs it"
    assert rows["pyarrow"].endswith("| parquet |")
    assert rows["Jinja2"].endswith("| dask, report, web |")
    assert not {"pytest", "uv", "mypy", "playwright", "edge-farm"} & rows.keys()


def test_no_package_that_users_get_has_an_unknown_licence_or_one_that_passes_to_their_own_programs(sbom):
    licences = {name: sbom.licence(package) for name, package in sbom.required(sbom.extras_for_users()).items()}

    assert {name for name, words in licences.items() if words == "not stated"} <= UNSTATED.keys()
    assert not [name for name, words in licences.items() if re.search(r"(?<!L)GPL|(?<!Lesser )General Public", words)]


def test_a_bill_of_materials_keeps_what_users_get_and_its_arrows(sbom):
    components = [{"name": name, "bom-ref": name} for name in ("ruamel.yaml", "pytest", "Jinja2", "MarkupSafe")]
    arrows = [
        {"ref": "root", "dependsOn": ["Jinja2", "pytest", "ruamel.yaml"]},
        {"ref": "Jinja2", "dependsOn": ["MarkupSafe"]},
        {"ref": "pytest", "dependsOn": ["Jinja2"]},
    ]
    bill = {"metadata": {"component": {"bom-ref": "root"}}, "components": components, "dependencies": arrows}

    kept = sbom.narrowed(bill, {"ruamel-yaml", "jinja2", "markupsafe"})

    assert [each["name"] for each in kept["components"]] == ["ruamel.yaml", "Jinja2", "MarkupSafe"]
    assert kept["dependencies"] == [
        {"ref": "root", "dependsOn": ["Jinja2", "ruamel.yaml"]},
        {"ref": "Jinja2", "dependsOn": ["MarkupSafe"]},
    ]


def test_both_files_are_written_and_name_the_same_packages(sbom, tmp_path, monkeypatch):
    required = sbom.required(sbom.extras_for_users())
    made = {
        "metadata": {"component": {"bom-ref": "root"}},
        "components": [{"name": name, "bom-ref": name} for name in [*required, "pytest"]],
        "dependencies": [{"ref": "root", "dependsOn": [*required, "pytest"]}],
    }
    answer = SimpleNamespace(stdout=json.dumps(made))  # of cyclonedx-py, which a registry has
    monkeypatch.setattr(sbom.subprocess, "run", lambda *_, **__: answer)

    sbom.main(tmp_path / "new")

    bill = json.loads((tmp_path / "new" / "farm.cdx.json").read_text())
    licences = (tmp_path / "new" / "licences.md").read_text().splitlines()[2:]
    assert {canonicalize_name(each["name"]) for each in bill["components"]} == {
        canonicalize_name(row.split(" | ")[0].removeprefix("| ")) for row in licences
    }
    assert len(licences) == len(required) > 50
