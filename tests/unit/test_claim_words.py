"""What is shown of claims."""

from __future__ import annotations

from orchestrator.analysis.claims import Answer, Answered, Evidence
from orchestrator.domain.claim import Claim
from orchestrator.reports import claims


def answered(*answers):
    claim = Claim(
        text="2 to 4 times smaller",
        figure="size_ratio",
        at_least=2.0,
        at_most=4.0,
        about={},
        devices=None,
        against={"scheme": "float32"},
        every=True,
    )
    evidence = tuple(
        Evidence(case=f"case {place}", run="r", answer=answer, value=2.0) for place, answer in enumerate(answers)
    )
    return Answered(claim=claim, answer=answers[0], evidence=evidence)


def test_results_that_answer_otherwise_than_their_claim_carry_their_answer():
    lines = list(claims.lines(answered(Answer.REFUTED, Answer.HOLDS)))

    assert lines == ["case 0  2.00×", "case 1  2.00×, holds"]


def test_the_summary_counts_in_words():
    assert claims.summary([answered(Answer.HOLDS), answered(Answer.REFUTED)]) == "1 holds, 1 refuted"
    assert claims.summary([answered(Answer.HOLDS)] * 2) == "2 hold"
