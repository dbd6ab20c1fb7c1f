"""The page about Python shows a program that runs as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "python.md"


@pytest.mark.tensorflow
def test_the_program_of_the_page_measures_and_shows_its_results(project):
    pytest.importorskip("pandas")
    (program,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    lines = [line for line in program.splitlines() if line]

    done = subprocess.run(
        [sys.executable, "-c", program + "print(list(table['scheme']), table['p50_ns'].notna().all())\n"],
        cwd=project.folder,
        env=project.environment | {"PYTHONPATH": str(PAGE.parents[1])},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    float32, int8, table = done.stdout.splitlines()
    assert re.match(r"float32 \d+ ", float32)
    assert re.match(r"int8 \d+ ", int8)
    assert table.startswith("['float32', 'int8']")
    assert len(lines) <= 18
