"""Habits of the house that a machine can check; the direction of imports is import-linter's affair (scripts/lint)."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for part in ("orchestrator", "agent") for path in (ROOT / part).rglob("*.py"))
#: The others speak to a person or a pipe: that is what they are for.
SILENT = [
    path for path in SOURCES if "cli" not in path.parts and path.parts[-2] != "agent" and path.name != "builder.py"
]
TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()

#: One word per idea (docs/architecture.md): a name that uses one of these means one of our words.
BANNED = ("quantizer", "trial", "board_name", "hostname_of", "job_config", "work_queue", "binary_file", "backend")


def loaded_by(*argv):
    code = (
        "import json, sys\n"
        f"sys.argv = {['farm', *argv]!r}\n"
        "from orchestrator.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(json.dumps(sorted(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_help_imports_neither_tensorflow_nor_fabric_nor_the_database():
    loaded = loaded_by("--help")

    assert not loaded & {"tensorflow", "keras", "fabric", "paramiko", "sqlalchemy", "numpy", "pydantic", "rich.live"}


def test_a_query_imports_neither_tensorflow_nor_fabric(tmp_path):
    loaded = loaded_by("results", "--db", f"sqlite:///{tmp_path / 'farm.db'}")

    assert "sqlalchemy" in loaded
    assert not loaded & {"tensorflow", "keras", "fabric", "paramiko"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_stay_small_and_say_their_sentence(path):
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)

    assert ast.get_docstring(tree), "a module begins with the sentence that says what it is"
    assert len(text.splitlines()) <= 500, "500 lines is a hard no"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno <= 60, f"{node.name} is longer than 60 lines"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_idea_keeps_its_word(path):
    names = {node.id for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Name)}

    assert not {name for name in names if any(word in name.lower() for word in BANNED)}


@pytest.mark.parametrize("path", SILENT, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_command_line_prints_and_exits(path):
    calls = {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }

    assert not calls & {"print", "exit"}


def test_nothing_tracked_names_a_registry_a_download_or_this_machine():
    address = re.compile(rb"https?://[^\s\"')]+\.(whl|deb|tgz|tar\.gz)|index[-_]url\s*=|files\.pythonhosted|pypi\.org")
    outside = re.compile(rb"(^|[^a-z.])/work/|\.\./shared")

    for name in TRACKED:
        path = ROOT / name
        if not path.is_file() or path == Path(__file__):
            continue
        content = path.read_bytes()
        assert not address.search(content), name
        assert name == ".ci/run" or not outside.search(content), name
        assert len(content) <= 1_000_000, f"{name} is too big for a repository"
