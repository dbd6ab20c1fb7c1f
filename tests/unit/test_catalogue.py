"""A runtime is one entry of the catalogue; the agent's modules, the wheels and the pages are held against it."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

import agent.runtimes
from orchestrator import registry
from orchestrator.runtimes import catalogue
from orchestrator.runtimes.catalogue import RUNTIMES
from orchestrator.runtimes.pins import Pin, SystemPackage, pins, versions

PAGE = Path(__file__).parents[2] / "docs" / "runtimes.md"


def test_the_agent_has_a_module_for_each_entry_and_no_other():
    assert sorted(RUNTIMES) == sorted(agent.runtimes.names())


@pytest.mark.parametrize("name", RUNTIMES)
def test_the_agents_module_offers_what_a_runtime_must(name):
    entry = RUNTIMES[name]
    runtime = agent.runtimes.find(f"{name}:/x" if entry.argument else name)

    assert all(callable(getattr(runtime, function)) for function in ("prepare", "load", "version"))
    assert (entry.versions_of or name) == runtime.PACKAGE
    assert agent.runtimes.knows(name) == (entry.argument is None)
    assert agent.runtimes.knows(f"{name}:/x") == (entry.argument is not None)


@pytest.mark.parametrize("name", RUNTIMES)
def test_an_entry_with_wheels_has_wheels_of_its_own_distribution(name):
    entry = RUNTIMES[name]

    assert bool(pins(name)) == bool(entry.wheels)
    if entry.versions_of:
        assert entry.versions_of in {pin.project for pin in pins(name)}
        assert versions(name)


def test_every_table_of_wheels_belongs_to_a_runtime():
    tables = {path.name.removesuffix(".sha256") for path in (files("orchestrator.runtimes") / "wheels").iterdir()} - {
        "__pycache__"
    }

    used = {table for entry in RUNTIMES.values() for table in (*entry.wheels, entry.older) if table}
    assert tables == used


def test_every_format_is_taken_by_a_runtime_and_made_by_a_scheme():
    made = {registry.find("scheme", name).format for name in registry.names("scheme")}

    assert made == {taken for entry in RUNTIMES.values() for taken in entry.takes}
    for artifact_format, schemes in catalogue.COUNTERPARTS.items():
        assert {registry.find("scheme", scheme).format for scheme in schemes.values()} == {artifact_format}
    assert catalogue.takers("onnx") == ("onnxruntime",)


def test_the_page_has_a_row_for_each_runtime():
    rows = [line.split("`")[1].partition(":")[0] for line in PAGE.read_text().splitlines() if line.startswith("| `")]

    assert set(RUNTIMES) <= set(rows)


def test_a_runtime_that_another_farm_stored_has_scores_and_no_entry():
    assert catalogue.find("litert==9.9").name == "litert"
    assert catalogue.find("delegate:/usr/lib/x.so?a=b").name == "delegate"
    assert catalogue.find("hexagon") is None
    assert catalogue.has_scores("hexagon")
    assert not catalogue.has_scores("null")
    assert catalogue.scheme_for("hexagon", "int8") == "int8"


@pytest.mark.parametrize(
    ("version", "accepted"),
    [
        *(("1.24.2", True), ("1.26.4+deb13", True), ("1.24.0rc1", True), ("1.23.2", True)),
        *(("1.23.2rc1", False), ("2.0.0rc1", False), ("2.0.0", False), ("1.19.5", False)),
        *((None, False), ("", False), ("one", False), ("1.24.2-1ubuntu~x", False), ("9" * 5000, False)),
    ],
    ids=lambda value: str(value)[:20],
)
def test_versions_compare_as_pip_compares_them(version, accepted):
    numpy = SystemPackage(requirement="numpy>=1.23.2,<2", machine="armv7l", python=(3, 11))

    assert numpy.accepts(version) == accepted


def test_a_pin_reads_its_file_name_as_pip_does():
    pin = Pin(
        filename="Ai_Edge.LiteRT-2.10.0rc1-1-cp311-cp311-manylinux_2_27_aarch64.manylinux2014_aarch64.whl",
        sha256="a" * 64,
    )

    assert pin.requirement == f"ai-edge-litert==2.10.0rc1 --hash=sha256:{'a' * 64}"
    assert (pin.python, pin.machine, pin.glibc) == ((3, 11), "aarch64", (2, 17))
    assert str(pin.version) == "2.10.0rc1"
    assert Pin(filename="x-2.9.0-cp311-cp311-linux_x86_64.whl", sha256="").version < pin.version
