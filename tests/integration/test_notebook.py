"""The example notebook runs from its first cell to its last, in a fresh process."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOK = json.loads((EXAMPLES / "notebook.ipynb").read_text(encoding="utf-8"))
CODE = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
#: What a kernel does with cells: each runs in the names of those before, and shows the value of its last line.
KERNEL = """
import ast, json, sys, types

class SVG:
    def __init__(self, data):
        self.data = data

shown = types.ModuleType("IPython.display")
shown.SVG = SVG
sys.modules |= {"IPython": types.ModuleType("IPython"), "IPython.display": shown}
names = {"__name__": "__main__"}
for number, source in enumerate(json.load(sys.stdin)):
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, f"<cell {number}>", "exec"), names)
    value = None if last is None else eval(compile(ast.Expression(last.value), f"<cell {number}>", "eval"), names)
    if isinstance(value, SVG):
        print("picture", value.data.count("<path"), len(value.data))
    elif value is not None:
        print(value.to_string() if hasattr(value, "to_string") else value)
"""


def test_every_cell_runs_and_shows_the_table_two_pictures_and_the_answer(tmp_path):
    pytest.importorskip("pandas")
    pytest.importorskip("vl_convert")
    shutil.copy(EXAMPLES / "run.farm.zip", tmp_path)
    kept = {key: value for key, value in os.environ.items() if not key.startswith("FARM_")}

    done = subprocess.run(
        [sys.executable, "-c", KERNEL],
        input=json.dumps(["".join(cell["source"]) for cell in CODE]),
        cwd=tmp_path,
        env=kept | {"HOME": str(tmp_path), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert all(re.search(rf"\d+ +{scheme} +\d", done.stdout) for scheme in ("float32", "dynamic", "int8")), done.stdout
    assert len(re.findall(r"^picture \d+ \d{4,}$", done.stdout, re.MULTILINE)) == 2
    assert "tiny-cxr" in done.stdout


def test_it_is_kept_without_outputs_so_that_a_change_of_it_can_be_read():
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in CODE)
    assert NOTEBOOK["nbformat"] == 4
