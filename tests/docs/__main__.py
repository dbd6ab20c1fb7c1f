"""Writes what commands print into the pages that show it: ``python -m tests.docs`` after output has changed.

Where a page leaves lines out by ``…`` and the others are still printed, it stays as it is.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.docs import story
from tests.docs.pages import PAGES, ROOT, blocks


def renew(page: Path, project: Path) -> bool:
    """Write what differs; return whether something did."""
    lines = page.read_text(encoding="utf-8").splitlines()
    answers = [answer for answer in story.told(page, project) if story.differs(answer, project)]
    for answer in reversed(answers):
        first = answer.command.line + 1  # counted from 1, and below the command
        lines[first - 1 : first - 1 + len(answer.command.shown)] = story.printed_by(answer, project)
    if answers:
        page.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return bool(answers)


if __name__ == "__main__":
    for page in PAGES:
        name = str(page.relative_to(ROOT))
        if any(command.shown for block in blocks(page) for command in block.commands):
            with tempfile.TemporaryDirectory() as folder:
                project = Path(folder) / "project"
                story.prepare(name, project)
                if renew(page, project):
                    sys.stdout.write(f"{name}: renewed\n")
