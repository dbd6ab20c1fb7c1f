"""The commands of each page, run one after the other in a project as the page takes it for granted."""

from __future__ import annotations

import pytest

from tests.docs import story
from tests.docs.pages import PAGES, ROOT, blocks


@pytest.fixture(scope="module")
def projects(tmp_path_factory):
    """Return the project that a page takes for granted, made once."""
    folder = tmp_path_factory.mktemp("projects")

    def project(page):
        kind = folder / ("tutorial" if page in story.TUTORIAL else "ward")
        if not kind.exists():
            story.prepare(page, kind)
        return kind

    return project


@pytest.fixture(scope="module")
def known():
    """What other pages ran already."""
    return set()


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if any(block.commands for block in blocks(page))],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_the_commands_of_a_page_work_and_print_what_it_shows(page, projects, known, tmp_path):
    with story.copied(projects(str(page.relative_to(ROOT))), tmp_path / "project") as project:
        answers = list(story.told(page, project, known))
        differing = [f"{answer.command}\n{text}" for answer in answers if (text := story.differs(answer, project))]

    failed = [
        f"{answer.command}\n  exit status {answer.status}\n{answer.err[-1500:]}"
        for answer in answers
        if answer.status not in story.statuses(answer.command) or "Traceback" in answer.err
    ]
    assert not failed, "\n".join(failed)
    assert not differing, "if this is right, run: python -m tests.docs\n" + "\n".join(differing)
