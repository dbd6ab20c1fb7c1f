"""`farm completion`: what the shells themselves offer once they have read its script."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab.project import Project
from tests.lab.reported import RUN, fill
from tests.lab.terminals import opened

#: A shell's own way to print what it would offer for the command line ``words``.
ASK = {
    "bash": "source {script}; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _farm_completion farm; "
    "printf '%s\\n' \"${{COMPREPLY[@]}}\"",
    "fish": "source {script}; complete --do-complete {line}",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("completed")
    (folder / "home").mkdir()
    fill(folder)
    return Project(folder=folder)


@pytest.fixture(params=["bash", "fish"])
def offered(request, project):
    shell = request.param
    if shell != "bash" and shutil.which(shell) is None:
        pytest.skip(f"{shell} is not on this machine; bash is")
    script = project.folder / f"completion.{shell}"
    script.write_text(project.farm("completion", shell).stdout)

    def offered(line: str) -> list[str]:
        words = " ".join(shlex.quote(word) for word in line.split(" "))
        asked = ASK[shell].format(script=shlex.quote(str(script)), words=words, line=shlex.quote(line))
        environment = {**os.environ, "HOME": str(project.folder / "home")}
        environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
        quiet = ["--norc", "--noprofile"] if shell == "bash" else ["--no-config"]
        done = subprocess.run(
            [shell, *quiet, "-c", asked],
            cwd=project.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert done.stderr == ""
        return [offer.split("\t")[0] for offer in done.stdout.split("\n") if offer]

    return offered


@pytest.mark.parametrize(
    ("line", "offers"),
    [
        ("farm run --devices lo", ["local"]),
        ("farm run --schemes float32,int8,int16", ["float32,int8,int16x8"]),
        ("farm results list --devices pi5,l", ["pi5,laptop"]),
        ("farm results list --run 2026", [RUN]),
        ("farm results show laptop/tiny-cxr/int8", ["laptop/tiny-cxr/int8/litert/t1/b1"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_shell_offers_what_there_is(offered, line, offers):
    assert offered(line) == offers


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not on this machine; bash is")
def test_zsh_completes_what_a_person_types_in_it(project):
    (project.folder / "completion.zsh").write_text(project.farm("completion", "zsh").stdout)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "HOME": str(project.folder / "home"), "PATH": path}

    with opened(["zsh", "-f", "-i"], folder=project.folder, environment=environment) as program:
        program.type("autoload -Uz compinit; compinit -u -D; source ./completion.zsh; echo now''ready\n")
        program.read_until(lambda terminal: "nowready" in terminal.text)
        program.type("farm run --devices lo\t")
        program.read_until(lambda terminal: any(line.endswith("--devices local") for line in terminal.shown))
        program.type("\x15farm results show laptop/tiny-cxr/int8\t")
        program.read_until(lambda terminal: any("int8/litert/t1/b1" in line for line in terminal.shown))


def test_where_nothing_can_be_read_nothing_is_offered(offered, project):
    (project.folder / "inventory.yaml").rename(project.folder / "aside.yaml")
    (project.folder / "inventory.yaml").write_text("devices: [\n")
    try:
        assert "local" not in offered("farm run --devices l")
    finally:
        (project.folder / "aside.yaml").replace(project.folder / "inventory.yaml")


def test_a_shell_that_is_not_supported_is_named_with_those_that_are(project):
    done = project.farm("completion", "tcsh")

    assert done.returncode == 2
    assert "tcsh: expected one of bash, zsh, fish" in done.stderr


def test_completing_creates_no_database(offered, project):
    (project.folder / "farm.db").rename(project.folder / "aside.db")
    try:
        assert not any("/" in offer for offer in offered("farm results show l"))
        assert not (project.folder / "farm.db").exists()
    finally:
        (project.folder / "aside.db").replace(project.folder / "farm.db")
