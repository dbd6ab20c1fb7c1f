"""The commands of each page, run one after the other in a project as the page takes it for granted."""

from __future__ import annotations

import pytest

from tests.docs import prepared, story
from tests.docs.pages import PAGES, ROOT, blocks


@pytest.fixture(scope="module")
def ward(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ward") / "project"
    prepared.ward(folder)
    return folder


@pytest.fixture(scope="module")
def known():
    """What other pages ran already."""
    return set()


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if any(block.commands for block in blocks(page))],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_the_commands_of_a_page_work_and_print_what_it_shows(page, ward, known, tmp_path):
    with story.copied(ward, tmp_path / "project") as project:
        answers = list(story.told(page, project, known))
        differing = [f"{answer.command}\n{text}" for answer in answers if (text := story.differs(answer, project))]

    failed = [
        f"{answer.command}\n  exit status {answer.status}\n{answer.err[-1500:]}"
        for answer in answers
        if answer.status not in story.statuses(answer.command) or "Traceback" in answer.err
    ]
    assert not failed, "\n".join(failed)
    assert not differing, "\n".join(differing)
