"""What a page shows of a command's output is compared with what it printed."""

from __future__ import annotations

import pytest

from tests.docs.story import has_shown

PRINTED = ["local  4 cases ≈ 3 min", "  1  scores", "  2  scores", "  3  attempt 1", "+ building 4 artifacts"]


@pytest.mark.parametrize(
    "shown",
    [
        PRINTED,
        ["local  4 cases ≈ …", "  1  scores", "…", "+ building 4 artifacts"],
        ["…", "  2  scores", "…", "  3  attempt 1", "…"],
        ["…"],
        ["…", *PRINTED, "…"],
    ],
)
def test_lines_and_words_may_be_left_out(shown):
    assert has_shown(PRINTED, shown)


@pytest.mark.parametrize(
    "shown",
    [
        PRINTED[:-1],  # a line more is printed below
        ["local  4 cases ≈ …", "…", "  3  attempt 1"],
        ["local  9 cases ≈ …", "…"],
        ["…", "  3  attempt 1", "…", "  1  scores", "…"],
        ["…", "  2  scores", "  2  scores", "…"],
        ["…", *PRINTED[2:], *PRINTED[2:]],
    ],
)
def test_other_lines_another_order_and_lines_that_are_missing_differ(shown):
    assert not has_shown(PRINTED, shown)
