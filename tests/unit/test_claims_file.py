"""What may be claimed, and how a mistake in it is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.config.claims import load
from orchestrator.errors import ClaimsError

EXAMPLE = Path(__file__).parents[2] / "examples" / "study-claims.yaml"


def write(tmp_path, text):
    path = tmp_path / "claims.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_claims_of_the_study_can_be_read():
    claims = load(EXAMPLE)

    assert len(claims) == 5
    assert claims[0].about == {"scheme": ("dynamic", "float16", "int8", "int8-io")}
    assert (claims[0].figure, claims[0].at_least, claims[0].at_most) == ("size_ratio", 2.0, 4.0)
    assert claims[0].against == {"scheme": "float32"}
    assert not claims[2].every
    assert claims[4].against == {"runtime": "litert"}
    assert claims[4].about["batch"] == ("1",)


def test_bounds_are_written_in_the_units_of_their_figure(tmp_path):
    text = "claims:\n- {claim: quick, p90: {at_most: 200ms}}\n- {claim: small, size: {at_most: 10MB}}\n"

    quick, small = load(write(tmp_path, text))

    assert (quick.at_most, quick.against) == (200e6, {})
    assert small.at_most == 10_000_000


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("claims: []", ":1: claims: "),
        ("claims:\n- {claim: x}", ":2: a claim is about exactly one figure: one of speedup"),
        (
            "claims:\n- {claim: x, p50: {at_most: 1s}, auc: {at_least: 0.9}}",
            ":2: a claim is about exactly one figure: it has p50 and auc",
        ),
        ("claims:\n- claim: x\n  speedup: {}", ":3: speedup needs at_least, at_most or both"),
        ("claims:\n- claim: x\n  speedup: {at_least: 2, at_most: 1}", ":3: speedup: at_least is above at_most"),
        ("claims:\n- claim: x\n  speedup: {at_least: fast}", ":3: speedup: 'fast' is not a number"),
        ("claims:\n- claim: x\n  speedup: {at_least: .nan}", ":3: this number is not finite"),
        ("claims:\n- claim: x\n  p90: {at_most: 200}", ":3: p90: '200' is not a duration"),
        ("claims:\n- claim: x\n  size: {at_most: big}", ":3: size: 'big' is not a size"),
        ("claims:\n- claim: x\n  sheme: int8\n  auc: {at_least: 0.9}", "did you mean 'scheme'"),
        ("claims:\n- claim: x\n  holds_for: most\n  auc: {at_least: 0.9}", ":3: claims.0.holds_for: "),
        (
            "claims:\n- claim: x\n  against: {threads: many}\n  speedup: {at_least: 1}",
            ":3: threads: 'many' is not a whole number",
        ),
        ("claims:\n- claim: x\n  against: {scheme: int8}\n  auc: {at_least: 0.9}", ":3: auc is a figure of one result"),
        ("- claim", ":1: expected"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path, text, words):
    path = write(tmp_path, text)

    with pytest.raises(ClaimsError) as refused:
        load(path)

    assert str(refused.value).startswith(str(path))
    assert words in str(refused.value)
