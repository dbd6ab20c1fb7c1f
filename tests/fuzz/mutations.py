"""Bytes that are almost right: a file of the corpus with a few things in it changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

    from tests.fuzz.targets import Target

#: Of what is fuzzed: a reader that is quadratic must not fill the minutes of the others.
LONGEST = 20_000
#: Numbers at which counters turn over, as little- and big-endian bytes of files have them.
_EDGES = (b"\0", b"\x01", b"\x7f", b"\x80", b"\xff", b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f")
_LETTERS = (
    b" ",
    b"\n",
    b"\t",
    b'"',
    b"'",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"-",
    b"%",
    b"$",
    b"\\",
    b"\xe2\x80\xae",
)


@st.composite
def mutated(draw: DrawFn, target: Target, corpus: tuple[bytes, ...]) -> bytes:
    """Draw bytes for ``target``: a file of ``corpus`` with up to four changes, or another's end behind its beginning."""
    data = draw(st.sampled_from(corpus))
    word = st.sampled_from((*target.words, *_EDGES, *_LETTERS)) | st.binary(min_size=1, max_size=4)
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 9) | st.integers(0, 400)))
        change = draw(st.sampled_from(("replace", "replace", "insert", "delete", "repeat", "splice", "cut")))
        if change == "replace":
            new = draw(word)
            data = data[:start] + new + data[start + len(new) :]
        elif change == "insert":
            data = data[:start] + draw(word) * draw(st.sampled_from((1, 1, 1, 2, 60))) + data[start:]
        elif change == "delete":
            data = data[:start] + data[end:]
        elif change == "repeat":
            data = data[:end] + data[start:end] * draw(st.sampled_from((1, 2, 30))) + data[end:]
        elif change == "splice":
            other = draw(st.sampled_from(corpus))
            data = data[:start] + other[min(len(other), draw(st.integers(0, 400))) :]
        else:
            data = data[:start]
    return data[:LONGEST]
