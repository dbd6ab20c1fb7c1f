"""Questions that a process of its own answers."""

from __future__ import annotations

import subprocess
import sys

import pytest

from orchestrator.errors import ModelError
from orchestrator.models import child


def test_a_process_that_never_answers_is_ended_and_named(tmp_path, monkeypatch):
    (tmp_path / "endless.py").write_text("import threading\nthreading.Event().wait()\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    with pytest.raises(ModelError, match=r"^mine\.keras: .* no answer within 1\.0 s, and was ended"):
        child.ask("endless", {}, "mine.keras", limit_s=1.0)


def test_keras_imports_no_package_for_tables_and_others_do(tmp_path):
    (tmp_path / "pandas.py").write_text("")
    (tmp_path / "keras.py").write_text("try:\n    import pandas\nexcept ImportError:\n    pandas = None\n")
    code = (
        "import sys\n"
        "from orchestrator.models import child\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        "child.keras_alone()\n"
        "import keras\n"
        "import pandas\n"
        "print(keras.pandas, pandas.__file__)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.stdout == f"None {tmp_path / 'pandas.py'}\n", done.stderr
