"""`./farm`, the wrapper: sets itself up once, repairs what was interrupted, then gets out of the way.

The real installation takes minutes and is what .ci/run does; here a Python stands in that notes what it is asked for.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.lab.terminals import opened

ROOT = Path(__file__).parents[2]
STAND_IN = """#!/bin/sh
echo "$*" >> "{log}"
case "$1 $2" in
    "-c import"*) exit {too_old} ;;
    "--version ") echo "Python 3.99"; exit 0 ;;
    "-m venv") mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; exit 0 ;;
    "-m pip")
        [ "$3" = --version ] && exit 0
        printf '%s\\n' 'Collecting numpy<3 (from x)' 'Downloading numpy-2.4.6-cp311-any.whl.metadata (62 kB)'
        printf '%s\\n' 'Downloading somewhere/a/numpy-2.4.6-cp311-any.whl (16.6 MB)' 'Downloading six-1-any.whl (11 kB)'
        [ -e "{broken}" ] && echo 'ERROR: No matching distribution' && exit 1
        printf '%s\\n' 'Installing collected packages: numpy, six' 'Successfully installed numpy-2.4.6 six-1'
        bin=$(dirname "$0")
        printf '#!/bin/sh\\nfor word in "$@"; do printf "[%%s]" "$word"; done\\n' > "$bin/farm"
        chmod +x "$bin/farm" ;;
esac
"""


@pytest.fixture
def checkout(tmp_path):
    folder = tmp_path / "check out"
    folder.mkdir()
    for name in ("farm", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def stand_in(folder, *, too_old=0):
    path = folder.parent / "python"
    path.write_text(STAND_IN.format(log=folder.parent / "log", broken=folder.parent / "broken", too_old=too_old))
    path.chmod(0o755)
    return path


def call(folder, *argv, python, path="/usr/bin:/bin"):
    return subprocess.run(
        [folder / "farm", *argv],
        env={"PATH": path, "FARM_PYTHON": str(python)},
        capture_output=True,
        text=True,
        check=False,
        cwd=folder.parent,
    )


def installations(folder):
    return [line for line in (folder.parent / "log").read_text().splitlines() if line.startswith("-m pip install")]


def test_the_first_call_installs_pinned_versions_and_later_calls_start_at_once(checkout):
    python = stand_in(checkout)

    first = call(checkout, "run", "two words", "", python=python)
    second = call(checkout, "run", python=python)

    assert first.stdout == "[run][two words][]"
    assert "first use" in first.stderr
    assert (second.stdout, second.stderr) == ("[run]", "")
    (installation,) = installations(checkout)
    assert f"--constraint {checkout}/constraints.txt --editable {checkout}[report,web]" in installation, (
        "farm report and farm web work at once"
    )


def test_the_first_call_shows_what_it_installs_with_sizes_and_how_long_it_took(checkout):
    shown = call(checkout, "run", python=stand_in(checkout)).stderr.splitlines()

    assert shown[2:4] == [
        "farm: step 1 of 2: downloading, file 1: numpy, 16.6 MB",
        "farm: step 2 of 2: unpacking 2 packages (about a minute)",
    ], "a log gets what is large, and no line for each package"
    assert re.fullmatch(r"farm: installed in \d+ s; \.venv takes \d+ MB", shown[4])
    assert shown[5] == "farm: where a message says farm, type ./farm here"


def test_on_a_terminal_the_first_call_keeps_one_line_for_what_pip_does(checkout):
    python = stand_in(checkout)
    environment = {"PATH": "/usr/bin:/bin", "FARM_PYTHON": str(python)}

    with opened([checkout / "farm"], folder=checkout.parent, environment=environment, columns=100) as program:
        status = program.read_to_end()

    assert status == 0
    assert "step 1 of 2: downloading, file 2: six, 11 kB" in program.terminal.text
    assert [line for line in program.terminal.shown if "step" in line] == []


def test_an_interrupted_installation_is_repaired_by_the_next_call(checkout):
    python = stand_in(checkout)
    broken = checkout.parent / "broken"
    broken.touch()

    failed = call(checkout, "run", python=python)
    broken.unlink()
    repaired = call(checkout, "run", python=python)

    assert failed.returncode == 1
    assert "tries again" in failed.stderr
    assert "farm: ERROR: No matching distribution" in failed.stderr
    assert repaired.stdout == "[run]"


def test_an_environment_without_a_working_python_is_made_anew(checkout):
    python = stand_in(checkout)
    call(checkout, "run", python=python)
    (checkout / ".venv" / "bin" / "python").write_text("")
    (checkout / ".venv" / ".farm-ready").unlink()

    assert call(checkout, "run", python=python).stdout == "[run]"


def test_changed_requirements_are_installed_by_the_next_call(checkout):
    python = stand_in(checkout)
    call(checkout, "run", python=python)
    with (checkout / "constraints.txt").open("a") as file:
        file.write("# changed\n")

    call(checkout, "run", python=python)

    assert len(installations(checkout)) == 2


def test_a_python_that_is_too_old_is_refused_with_what_to_do(checkout):
    tools = checkout.parent / "tools"
    tools.mkdir()
    for name in ("sh", "cksum", "cat", "dirname", "flock", "rm", "mkdir"):
        (tools / name).symlink_to(shutil.which(name))

    refused = call(checkout, "run", python=stand_in(checkout, too_old=1), path=str(tools))

    assert refused.returncode == 2
    assert "3.11" in refused.stderr
    assert "FARM_PYTHON" in refused.stderr
    assert not (checkout / ".venv").exists()


def test_two_first_calls_at_once_install_once(checkout):
    python = stand_in(checkout)
    calls = [
        subprocess.Popen(
            [checkout / "farm", "run"],
            env={"PATH": "/usr/bin:/bin", "FARM_PYTHON": str(python)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for _ in range(2)
    ]

    assert [each.communicate(timeout=300)[0] for each in calls] == ["[run]", "[run]"]
    assert len(installations(checkout)) == 1


def test_the_script_is_plain_posix_sh():
    shell = shutil.which("dash") or "sh"

    for script in ("farm", "scripts/prepare", "scripts/test", "scripts/lint", "scripts/site", "scripts/image"):
        assert subprocess.run([shell, "-n", ROOT / script], check=False).returncode == 0
