"""Questions that a process of its own answers."""

from __future__ import annotations

import pytest

from orchestrator.errors import ModelError
from orchestrator.models import child


def test_a_process_that_never_answers_is_ended_and_named(tmp_path, monkeypatch):
    (tmp_path / "endless.py").write_text("import threading\nthreading.Event().wait()\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    with pytest.raises(ModelError, match=r"^mine\.keras: .* no answer within 1\.0 s, and was ended"):
        child.ask("endless", {}, "mine.keras", limit_s=1.0)
