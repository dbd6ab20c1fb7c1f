"""The documentation tells the truth: every command, option, plug-in and error is on a page, and what pages show can be run."""

from __future__ import annotations

import re
import shutil

import pytest

from orchestrator import errors, registry
from orchestrator.config import suite
from orchestrator.config.inventory import Inventory
from orchestrator.domain.effort import EFFORTS
from orchestrator.runtimes.catalogue import RUNTIMES
from tests.docs.pages import PAGES, ROOT, script
from tests.lab import networks

TEXT = {path: path.read_text(encoding="utf-8") for path in PAGES}
ALL = "\n".join(TEXT.values())


REFERENCE = script("reference")


def blocks(language):
    return [
        pytest.param(body, id=f"{path.relative_to(ROOT)}:{text[: match.start()].count(chr(10)) + 1}")
        for path, text in TEXT.items()
        for match in re.finditer(rf"```{language}\n(.*?)```", text, re.DOTALL)
        for body in [match[1]]
    ]


def subclasses(kind):
    return {kind}.union(*(subclasses(child) for child in kind.__subclasses__()))


def test_the_reference_of_the_command_line_is_what_the_commands_say():
    assert REFERENCE.reference() == TEXT[ROOT / "docs" / "cli.md"], "run scripts/reference"
    assert REFERENCE.schema() == (ROOT / "docs" / "inventory.schema.json").read_text(), "run scripts/reference"


@pytest.mark.parametrize("kind", sorted(registry.BUILT_IN))
def test_every_plug_in_is_on_a_page(kind):
    missing = [name for name in registry.names(kind) if f"`{name}`" not in ALL and f"{name}" not in ALL]

    assert not missing


def test_every_runtime_effort_and_error_is_on_a_page():
    names = [*RUNTIMES, *EFFORTS, *(kind.__name__ for kind in subclasses(errors.FarmError))]

    assert not [name for name in names if f"`{name}`" not in ALL]


def test_every_reason_of_a_verdict_is_on_a_page():
    source = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "orchestrator" / "analysis" / "verdicts").glob("*.py")
    )
    source += (ROOT / "orchestrator" / "runs" / "farm.py").read_text(encoding="utf-8")
    codes = set(re.findall(r'\b(?:invalid|warn)\(\s*"([a-z-]+)"', source)) | set(
        re.findall(r'code="([a-z-]+)"', source)
    )

    assert len(codes) > 10
    assert not [code for code in codes if f"`{code}`" not in ALL]


@pytest.mark.parametrize("block", [block for block in blocks("yaml") if "models:" in block.values[0]])
def test_suites_on_a_page_can_be_read(block, tmp_path, monkeypatch):
    monkeypatch.setenv("XRAYS", str(tmp_path))
    monkeypatch.setenv("CHESTXRAY14", str(tmp_path))
    path = tmp_path / "suite.yaml"
    path.write_text(block if "dataset:" in block else block + "dataset: phantom\n", encoding="utf-8")
    for name in re.findall(r"path: (\S+\.tflite)", block):  # these are looked into
        shutil.copy(ROOT / "tests" / "data" / "float32.tflite", tmp_path / name)
    for name in re.findall(r"path: (\S+\.onnx)", block):
        (tmp_path / name).write_bytes(networks.network().SerializeToString())

    assert suite.load(path).models


@pytest.mark.parametrize(
    "block", [block for block in blocks("yaml") if re.search("^devices:$", block.values[0], re.MULTILINE)]
)
def test_inventories_on_a_page_can_be_read(block, tmp_path, monkeypatch):
    monkeypatch.setenv("FARM_KEYS", "keys")
    path = tmp_path / "inventory.yaml"
    path.write_text(block, encoding="utf-8")

    assert len(Inventory.load(path).devices) > 1


@pytest.mark.parametrize("path", sorted(ROOT.glob("examples/*/suite.yaml")), ids=lambda path: path.parent.name)
def test_suites_of_the_examples_can_be_read(path, monkeypatch, tmp_path):
    monkeypatch.setenv("XRAYS", str(tmp_path))
    monkeypatch.setenv("CHESTXRAY14", str(tmp_path))

    assert suite.load(path).models


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", TEXT[path]):
        if "://" not in target:
            assert (path.parent / target).exists(), target


@pytest.mark.parametrize(
    "path", [path for path in PAGES if path.name != "CHANGELOG.md"], ids=lambda path: str(path.relative_to(ROOT))
)
def test_files_of_the_repository_that_a_page_names_exist(path):
    tops = "orchestrator|agent|tests|benchmarks|scripts|migrations|docs|examples"
    named = re.findall(rf"`((?:{tops})/[\w./-]*)`", TEXT[path])

    assert not [name for name in named if not (ROOT / name).exists()]


@pytest.mark.parametrize("page", ["docs/reliability.md", "docs/security.md"])
def test_every_promise_of_a_page_names_a_test_that_exists(page):
    rows = [line for line in TEXT[ROOT / page].splitlines() if line.startswith("| ") and "| test |" not in line]

    for row in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row)
        assert named, f"{row} names no test"
        for file, name in named:
            assert (ROOT / file).name.startswith("test_"), f"{file} is not collected"
            assert name.startswith("test_"), f"{name} is not collected"
            assert re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text(), re.MULTILINE), f"{file}: no {name}"


@pytest.mark.parametrize(
    "threat", ["device", "network", "suite", "model", "another user on the device", "stolen database", "what remains"]
)
def test_security_has_a_section_for_each_threat(threat):
    headings = re.findall(r"^## (.*)$", TEXT[ROOT / "docs/security.md"], re.MULTILINE)

    assert [heading for heading in headings if threat in heading.lower()]


def test_where_do_i_change_has_an_answer_that_exists():
    table = section(TEXT[ROOT / "CONTRIBUTING.md"], "Where do I change …")
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    paths = [re.findall(r"`([^`]+/[^`]*)`", row) for row in rows]

    assert len(rows) >= 15
    assert all(paths), "every row names a path"
    assert not [path for row in paths for path in row if not (ROOT / path).exists()]


def test_each_kind_of_plug_in_has_one_file_to_copy():
    table = section(TEXT[ROOT / "CONTRIBUTING.md"], "Add one")
    rows = [line.split("|")[1:3] for line in table.splitlines() if line.startswith("| a ")]

    assert {kind.strip() for kind, _ in rows} >= {"a scheme", "a runtime", "a dataset", "a transport"}
    assert all((ROOT / copied.strip(" `")).is_file() for _, copied in rows)


def section(text, heading):
    """Return what stands below a heading of the second level."""
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def test_every_page_can_be_reached_from_the_readme():
    reached, todo = set(), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        reached.add(page)
        for target in re.findall(r"\]\(([^)#]+\.md)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            found = (page.parent / target).resolve()
            if found not in reached:
                todo.append(found)

    assert {path.resolve() for path in PAGES} <= reached


@pytest.mark.parametrize("group", [[], ["devices"], ["results"], ["runs"], ["models"], ["db"]], ids=" ".join)
def test_no_help_of_a_command_is_cut_off_in_a_terminal_of_80_columns(group):
    from typer.testing import CliRunner

    from orchestrator.cli.main import app

    done = CliRunner().invoke(app, [*group, "--help"], terminal_width=80, env={"COLUMNS": "80"})

    commands = done.output.partition("Commands:")[2]
    assert commands.strip()
    assert [line for line in commands.splitlines() if line.rstrip().endswith(("...", "…"))] == []


def test_the_readme_is_short_and_leads_to_the_tutorial():
    text = TEXT[ROOT / "README.md"]

    assert len(text.splitlines()) <= 130
    assert text.count("![") == 1
    assert "docs/tutorial.md" in text.partition("## Find your way")[0]
