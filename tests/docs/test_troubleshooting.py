"""The page that is searched by a message quotes messages that exist, and has an entry for whatever can go wrong."""

from __future__ import annotations

import ast
import re

from orchestrator import errors
from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "troubleshooting.md"
ROWS = [line.split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
#: Kinds of errors that only group others.
GROUPS = {"FarmError", "Transient", "Stable"}


def spoken():
    """Return the texts of the code; a value that is put into one is `…`."""
    texts = []
    for folder in ("orchestrator", "agent"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    texts.append(node.value)
                elif isinstance(node, ast.JoinedStr):
                    parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
                    texts.append("".join(map(str, parts)))
    return "\n".join(texts)


def kinds(of=errors.FarmError):
    return {of.__name__}.union(*(kinds(kind) for kind in of.__subclasses__()))


def test_every_message_that_is_quoted_is_a_message_of_the_code():
    texts = spoken()

    quoted = [row[0].strip("|` ") for row in ROWS]
    lost = [f"{message}: {part}" for message in quoted for part in re.split(r"\s*…\s*", message) if part not in texts]

    assert len(quoted) > 60
    assert [message for message in quoted if max(map(len, message.split("…"))) < 8] == []
    assert lost == []


def test_every_kind_of_error_has_an_entry():
    named = set(re.findall(r"`(\w+)`", " ".join(row[-1] for row in ROWS)))

    assert kinds() - GROUPS - named == set()


def test_every_reason_of_a_verdict_has_an_entry():
    verdicts = (ROOT / "docs" / "verdicts.md").read_text(encoding="utf-8")
    codes = {
        code
        for row in re.findall(r"^\| (`[a-z-]+`(?:, `[a-z-]+`)*) \|", verdicts, re.MULTILINE)
        for code in re.findall(r"[a-z-]+", row)
    }

    named = set(re.findall(r"`([a-z-]+)`", " ".join(row[-1] for row in ROWS)))

    assert len(codes) > 30
    assert codes - named == set()
    assert named - codes == set()


def test_every_entry_says_what_to_do():
    assert [row for row in ROWS if len(row) != 4 or not row[2].strip()] == []
