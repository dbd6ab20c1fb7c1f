"""Habits of the house that a machine can check; the direction of imports is import-linter's affair (scripts/lint)."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: These speak to a person or a pipe: that is what they are for.
SPEAKING = (
    "orchestrator/cli/",
    "orchestrator/models/builder.py",
    *(f"agent/{name}.py" for name in ("__main__", "worker")),
)
TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()

#: One word per idea (docs/architecture.md): a name that uses one of these means one of our words.
BANNED = ("quantizer", "trial", "board_name", "hostname_of", "job_config", "work_queue", "binary_file", "backend")

LINES_OF_A_MODULE = 350
LINES_OF_A_FUNCTION = 60


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


def test_a_query_imports_neither_tensorflow_nor_fabric_nor_alembic(tmp_path):
    from orchestrator.store.store import Store

    url = f"sqlite:///{tmp_path / 'farm.db'}"
    Store.open(url).close()

    loaded = loaded_by("results", "--db", url)

    assert "sqlalchemy" in loaded
    assert not loaded & {"tensorflow", "keras", "fabric", "paramiko", "alembic", "scipy"}
    assert "orchestrator.store.ingest" not in loaded


def test_a_table_of_results_a_case_and_a_comparison_import_no_scipy(tmp_path):
    from benchmarks import store_fill

    url = f"sqlite:///{tmp_path / 'farm.db'}"
    store_fill.fill(url, store_fill.Size(devices=1, runs=1, attempts=5))
    case = "pi000/tiny-cxr/int8/litert/t1/b1"
    heavy = {"tensorflow", "keras", "fabric", "paramiko", "alembic", "scipy", "zeroconf", "pandas"}
    unasked = {"orchestrator.store.ingest", "orchestrator.transports.connector", "orchestrator.domain.event"}

    for words in (("list", "--schemes", "int8"), ("show", case), ("compare", case.replace("int8", "float32"), case)):
        loaded = loaded_by("results", *words, "--db", url)

        assert "sqlalchemy" in loaded
        assert (words, loaded & (heavy | unasked)) == (words, set())


def test_where_there_is_no_database_a_query_imports_none(tmp_path):
    loaded = loaded_by("results", "--db", f"sqlite:///{tmp_path / 'farm.db'}")

    assert not loaded & {"sqlalchemy", "numpy", "pandas"}
    assert not list(tmp_path.iterdir())


def test_modules_and_functions_stay_small(modules):
    long = [name for name in modules if len((ROOT / name).read_text(encoding="utf-8").splitlines()) > LINES_OF_A_MODULE]
    functions = [
        f"{name}: {node.name}"
        for name, tree in modules.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno > LINES_OF_A_FUNCTION
    ]

    assert long == []
    assert functions == []


def test_each_idea_keeps_its_word(modules):
    offenders = [
        f"{name}:{node.lineno}: {node.id}"
        for name, tree in modules.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and any(word in node.id.lower() for word in BANNED)
    ]

    assert offenders == []


def test_only_the_command_line_prints_and_exits(modules):
    offenders = [
        f"{name}:{node.lineno}: {node.func.id}"
        for name, tree in modules.items()
        if not name.startswith(SPEAKING)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("print", "exit")
    ]

    assert offenders == []


def test_the_agent_is_written_in_python_3_9(modules):
    for name in modules:
        if name.startswith("agent/"):
            ast.parse((ROOT / name).read_text(encoding="utf-8"), name, feature_version=(3, 9))


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
        most = 2_000_000 if name.startswith("orchestrator/models/weights/") else 1_000_000
        assert len(content) <= most, f"{name} is too big for a repository"
