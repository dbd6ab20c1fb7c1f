"""No secret in a child's environment: every program that the controller starts gets `child_environment`."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

from orchestrator.config.child_environment import SECRETS, child_environment
from orchestrator.domain.device import LOCAL
from orchestrator.transports.local import LocalTransport

ROOT = Path(__file__).parents[2]
STARTS = {"run", "Popen", "check_output", "check_call", "call"}


def starts(path):
    """Yield the calls in ``path`` that start a program."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in STARTS:
            owner = node.func.value
            if isinstance(owner, ast.Name) and owner.id == "subprocess":
                yield node


def test_every_program_that_the_controller_starts_gets_an_environment_without_secrets():
    calls = [(path, call) for path in sorted((ROOT / "orchestrator").rglob("*.py")) for call in starts(path)]

    assert len(calls) >= 8
    for path, call in calls:
        given = {keyword.arg: keyword.value for keyword in call.keywords}.get("env")
        is_ours = isinstance(given, ast.Call) and getattr(given.func, "id", None) == "child_environment"
        assert is_ours, f"{path}:{call.lineno}: give it env=child_environment()"


def test_the_device_local_gets_none_of_them_and_all_else(monkeypatch):
    assert {"FARM_DB", "PGPASSWORD", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"} <= set(SECRETS)
    for name in SECRETS:
        monkeypatch.setenv(name, "s3cret")
    monkeypatch.setenv("OTHER", "kept")

    printed = LocalTransport(LOCAL).run([sys.executable, "-c", "import os; print(dict(os.environ))"]).out.decode()

    assert "s3cret" not in printed
    assert "'OTHER': 'kept'" in printed
    assert child_environment(MORE="1")["MORE"] == "1"
