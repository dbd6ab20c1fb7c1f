"""Every command that a page shows or names is understood by the command line."""

from __future__ import annotations

import re

from tests.docs import command_line, story
from tests.docs.pages import PAGES, ROOT, commands, spans


def test_commands_of_consoles_are_understood_by_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wheels").mkdir()

    refused = [
        f"{each}\n  {wrong}" for each in commands() if each.farm and (wrong := command_line.complaint(each.farm))
    ]

    assert not refused, "\n".join(refused)


def test_commands_and_options_that_the_prose_names_exist():
    written = {
        f"{page.relative_to(ROOT)}: {span}": span.removeprefix("./").split()[1:]
        for page in PAGES
        if page.name != "CHANGELOG.md"
        for span in spans(page)
        if re.match(r"(\./)?farm [a-z]", span)
    }

    unknown = [f"{where}\n  {wrong}" for where, words in written.items() if (wrong := command_line.unknown(words))]

    assert len(written) > 100
    assert not unknown, "\n".join(unknown)


def test_every_command_that_no_story_runs_has_a_reason_and_every_reason_a_command():
    used = {story.reason(command) for command in commands()}

    assert set(story.NOT_RUN.values()) <= used
    named = re.findall(r"(?:tests|examples)/[\w/.-]+\w", " ".join(story.NOT_RUN.values()))
    assert not [path for path in named if not (ROOT / path).exists()]


def test_options_of_benchmarks_on_a_page_exist():
    for command in commands():
        if match := re.search(r"(benchmarks/\w+\.py)", command.text):
            source = (ROOT / match[1]).read_text(encoding="utf-8")
            assert not [word for word in command.words if word.startswith("--") and f'"{word}"' not in source], command
