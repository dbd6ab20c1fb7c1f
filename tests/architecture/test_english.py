"""Plain English: what a machine can check of it."""

from __future__ import annotations

import ast
import re

#: Words that make a sentence about who spoke rather than about what is or what to do.
VAGUE = re.compile(r"\b(?:told|said|meant|nobody|somebody|(?:it|that|which) is none)\b", re.IGNORECASE)
#: Names that do not say what a value is: an answer, a payload, a row?
VAGUE_NAMES = {"said", "told"}


def first_sentence(tree):
    return (ast.get_docstring(tree) or "").partition("\n")[0]


def test_every_module_is_described_by_one_sentence_without_and(modules):
    sentences = {name: first_sentence(tree) for name, tree in modules.items()}

    assert [
        f"{name}: {sentence}"
        for name, sentence in sentences.items()
        if re.search(r"\band\b|\. ", sentence) or not sentence.endswith(".")
    ] == []


def test_no_message_or_docstring_is_about_who_spoke(modules):
    offenders = [
        f"{name}:{node.lineno}: {node.value}"
        for name, tree in modules.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value
        if VAGUE.search(node.value)
    ]

    assert offenders == []


def test_names_of_variables_say_what_they_hold(modules):
    offenders = [
        f"{name}:{node.lineno}"
        for name, tree in modules.items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Name) and node.id in VAGUE_NAMES)
        or (isinstance(node, ast.arg) and node.arg in VAGUE_NAMES)
    ]

    assert offenders == []
