"""A page as a story: its commands in their order, each run in a project made for it."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from orchestrator.runs import transfers
from tests.docs import prepared
from tests.docs.pages import ROOT, Block, Command, blocks
from tests.lab.example_files import keras_file
from tests.lab.same_process import call

#: Commands that measure: the story runs them with ``--dry-run``, which reads suite, model and images and asks the devices.
MEASURES = re.compile(r"^run\b(?!.*--dry-run)")
#: Beginnings of the other commands that are not run, with the reason and what runs them instead.
NOT_RUN = {
    "farm devices add": "takes a device: tests/integration/test_devices.py adds real SSH servers, test_fleet.py the lab's",
    "farm devices setup": "takes a device: tests/integration/test_devices.py",
    "farm devices discover": "listens for 5 s: tests/unit/test_discover.py",
    "farm devices trust": "takes a device: tests/integration/test_devices.py",
    "farm devices tune": "takes a device: tests/integration/test_tuning.py",
    "farm devices calibrate": "measures for minutes: tests/integration/test_tuning.py",
    "farm devices wheels": "takes the internet: tests/unit/test_provision_wheelhouse.py",
    "farm models build": "minutes of TensorFlow: tests/integration/test_models_build.py",
    "farm models debug": "minutes of TensorFlow: tests/integration/test_models.py",
    "farm models show mobilenet.keras": "minutes of TensorFlow: tests/integration/test_models_show.py",
    "farm results export --mlflow": "takes a server, and the extra mlflow: tests/integration/test_export.py",
    "farm datasets check --dataset tuberculosis": "takes the plug-in: tests/packaging/test_plugin.py",
    "farm run my-plugin/": "takes the plug-in: tests/packaging/test_plugin.py",
    "farm devices import": "tests/integration/test_devices_foreign.py",
    "examples/pneumonia/README.md: farm run": "imports TensorFlow on the device: tests/integration/test_examples.py plans it",
    "farm collect": "takes devices: tests/integration/test_detached.py",
    ".venv/bin/python -m tests.fuzz": "minutes: tests/fuzz reads its corpus",
    "farm db copy": "takes a server: tests/contract/test_store_copies.py",
    "farm bench": "measures: tests/integration/test_bench.py",
    "farm devices list --inventory hosts.ini": "takes another inventory: tests/integration/test_ansible_inventory.py",
    "ansible-inventory": "takes Ansible: tests/integration/test_ansible_inventory.py has what it printed",
    "farm web": "serves until Ctrl-C: tests/integration/test_web.py",
    "sudo": "changes the machine",
    "./scripts/": "what a developer runs: .ci/run runs it",
    ".ci/run": "what a developer runs: .ci/run runs it",
    ".venv/bin/pip": "installs a package",
    "docker": "takes Docker, which never ran here: tests/packaging/test_container.py",
    "FARM_INPUTS=": "takes Docker, which never ran here: tests/packaging/test_container.py",
    "pip install": "installs a package: tests/packaging/test_installs.py",
    "pipx install": "installs a package: tests/packaging/test_installs.py",
    "uv tool install": "installs a package: tests/packaging/test_installs.py",
    "python3 -m pip wheel": "builds the wheel: tests/packaging/test_wheel.py",
    ".venv/bin/python -m venv": "installs a package",
    ".venv/bin/python -m pytest": "tests/packaging/test_plugin.py",
    ".venv/bin/python benchmarks/": "minutes: its options are looked up below",
    "python3 gpu.pyz": "takes a GPU: tests/integration/test_benchmark_gpu.py",
    "python prepare.py": "minutes of TensorFlow; examples/x86-then-and-now",
    "VK_DRIVER_FILES=": "takes SwiftShader: tests/integration/test_gpu.py",
    "export": "the story sets it",
}
#: Beginnings of commands of other programs that a story runs in its folder.
HARMLESS = ("cp -r ", "(echo ")
#: Exit statuses that are answers.
STATUSES = {
    "farm results check": (0, 1, 3),
    "farm results gate": (0, 1, 3),
    "farm results best": (0, 1),
    "farm datasets check": (0, 1),
    # nothing listens at the addresses of these devices: every case is skipped
    "farm run --devices pi5": (3,),
    "farm run --devices phone": (3,),
    "farm run --runtimes litert,litert-gpu --schemes float32,float16 --devices rtx": (3,),
}
#: Pages whose ``suite.yaml`` is the block that stands there.
WRITTEN = {"README.md": {"models:": "suite.yaml"}, "docs/claims.md": {"claims:": "claims.yaml"}}
WRITTEN["docs/tutorial.md"] = WRITTEN["README.md"]
#: Pages whose commands are typed in their own folder.
IN_ITS_FOLDER = tuple(
    f"examples/{name}/README.md" for name in ("chestxray14", "github-actions", "pneumonia", "x86-then-and-now")
)
#: The comment of a command that is typed elsewhere.
ANOTHER_FARM = "# on another farm"
#: Pages whose figures are of the tutorial's project.
TUTORIAL = ("docs/tutorial.md", "docs/reading.md")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a command of a page printed, and its exit status; of one that was not run the reason."""

    command: Command
    status: int = 0
    out: str = ""
    err: str = ""
    skipped: str = ""


def reason(command: Command) -> str:
    """Return why a command is not run, or nothing."""
    text = command.text.removeprefix("./") if command.farm is not None else command.text
    keys = (f"{command.page}: {text}", text)
    return next((why for beginning, why in NOT_RUN.items() if any(key.startswith(beginning) for key in keys)), "")


def statuses(command: Command) -> tuple[int, ...]:
    """Return the exit statuses that a command may have."""
    text = " ".join(["farm", *(command.farm or [])])
    return next((allowed for beginning, allowed in STATUSES.items() if text.startswith(beginning)), (0,))


def told(page: Path, project: Path, known: set[tuple[str, ...]] | None = None) -> Iterator[Answer]:
    """Run the commands of a page in the project at ``project``; yield what each answered.

    A command that is in ``known`` was run by another page in a project like this one; it is run again only where the
    page shows what it prints.
    """
    known = set() if known is None else known
    name = str(page.relative_to(ROOT))
    folder = project / page.parent.relative_to(ROOT) if name in IN_ITS_FOLDER else project
    environment = _environment(project) | ({"COLUMNS": "120"} if name in TUTORIAL else {})
    _write(blocks(page), WRITTEN.get(name, {}), folder)
    for block in blocks(page):
        for command in block.commands:
            key = tuple(command.words)
            if folder != project or name in WRITTEN or any(command.shown):
                yield _answer(command, folder, environment)
            elif key in known:
                yield Answer(command=command, skipped="another page has it")
            else:
                yield _answer(command, folder, environment)
                known.add(key)


def _environment(project: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("FARM_")}
    data = {"XRAYS": str(project / "xrays"), "CHESTXRAY14": str(project / "nih"), "FARM_KEYS": str(project)}
    files = {"FARM_INVENTORY": str(project / "inventory.yaml"), "HOME": str(project / "home")}
    return kept | data | files | {"NO_COLOR": "1", "COLUMNS": "100"}


def _write(of_page: list[Block], names: dict[str, str], folder: Path) -> None:
    """Write the files that a page shows: of each the first block."""
    for key, name in names.items():
        bodies = [
            block.body
            for block in of_page
            if block.language == "yaml" and re.search(rf"^{key}", block.body, re.MULTILINE)
        ]
        (folder / name).write_text(bodies[0], encoding="utf-8")


def _answer(command: Command, folder: Path, environment: dict[str, str]) -> Answer:
    if why := reason(command):
        return Answer(command=command, skipped=why)
    if command.farm is None:
        assert command.text.startswith(HARMLESS), f"{command}: name it in NOT_RUN, or among the HARMLESS"
        done = subprocess.run(  # noqa: S602  lines of our own pages
            command.text, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        return Answer(command=command, status=done.returncode, out=done.stdout, err=done.stderr)
    if ANOTHER_FARM in command.text:
        environment = environment | {"FARM_DB": f"sqlite:///{folder / 'another.db'}"}
    words = [os.path.expandvars(word) for word in _expanded(command.farm, environment)]
    if words[:2] == ["models", "train"]:
        _train(words, folder)
        return Answer(
            command=command,
            skipped="minutes of TensorFlow: tests/integration/test_models.py; leaves a file of its size",
        )
    if MEASURES.search(" ".join(words)):
        words.append("--dry-run")
    with _phantoms_drawn_once():
        done = call(words, folder=folder, environment=environment)
    if ">" in command.words:
        (folder / command.words[-1]).write_text(done.stdout, encoding="utf-8")
    return Answer(command=command, status=done.returncode, out=done.stdout, err=done.stderr)


@contextmanager
def _phantoms_drawn_once() -> Iterator[None]:
    """Let plans of the built-in suite share what one of them found of its images: drawing 900 takes a second."""

    def bytes_of(context, model: str, *, is_scored: bool) -> int:
        key = (repr(context.suite.dataset), repr(context.suite.models), model, is_scored)
        if "phantom" not in key[0]:
            return asked(context, model, is_scored=is_scored)
        if key not in _DRAWN:
            _DRAWN[key] = asked(context, model, is_scored=is_scored)
        return _DRAWN[key]

    asked = transfers._unpacked_bytes
    with mock.patch.object(transfers, "_unpacked_bytes", bytes_of):
        yield


_DRAWN: dict[tuple[object, ...], int] = {}


def _expanded(words: list[str], environment: dict[str, str]) -> list[str]:
    return [re.sub(r"\$(\w+)", lambda match: environment.get(match[1], match[0]), word) for word in words]


def _train(words: list[str], folder: Path) -> None:
    """Leave a model for the images that the command names."""
    options = dict(itertools.pairwise(words))
    outputs = 14 if options.get("--dataset") in ("chestxray14", "phantom") else 1
    size, channels = int(options["--size"]), int(options.get("--channels", 1))
    keras_file(folder / options["--output"], size=size, channels=channels, outputs=outputs)


def differs(answer: Answer, project: Path) -> str:
    """Return how what the page shows below a command differs from what it printed, or nothing."""
    shown = [line.rstrip() for line in answer.command.shown]
    if answer.skipped or not any(shown):
        return ""
    printed = _stripped(printed_by(answer, project))
    return "" if has_shown(printed, _stripped(shown)) else "\n".join(printed)


def has_shown(printed: list[str], shown: list[str]) -> bool:
    """Return whether ``printed`` is ``shown``, where a line ``…`` stands for any lines, and ``…`` within a line for any text."""
    parts: list[list[re.Pattern[str]]] = [[]]
    for line in shown:
        if line == "…":
            parts.append([])
        else:
            parts[-1].append(re.compile(re.escape(line).replace("…", ".*")))
    if len(parts) == 1:
        return len(printed) == len(shown) and _begins(printed, parts[0])
    *before, last = parts
    if not _begins(printed, before[0]) or (last and not _begins(printed[-len(last) :], last)):
        return False
    at, end = len(before[0]), len(printed) - len(last)
    for part in before[1:]:
        at = next((at for at in range(at, end - len(part) + 1) if _begins(printed[at:], part)), end) + len(part)
    return at <= end


def _begins(lines: list[str], patterns: list[re.Pattern[str]]) -> bool:
    return len(lines) >= len(patterns) and all(map(re.Pattern.fullmatch, patterns, lines))


def printed_by(answer: Answer, project: Path) -> list[str]:
    """Return the lines of a command as a page shows them."""
    text = answer.err + answer.out
    return [line.rstrip() for line in text.replace(f"{project}/", "").splitlines()]


def _stripped(lines: list[str]) -> list[str]:
    return "\n".join(lines).strip("\n").splitlines()


def prepare(page: str, project: Path) -> None:
    """Make the project that a page takes for granted."""
    (prepared.tutorial if page in TUTORIAL else prepared.ward)(project)


@contextmanager
def copied(project: Path, folder: Path) -> Iterator[Path]:
    """Copy a prepared project, so that each page has one of its own."""
    shutil.copytree(project, folder, symlinks=True)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
