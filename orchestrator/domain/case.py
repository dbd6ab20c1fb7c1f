"""A case: one point of the matrix."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TEXT = re.compile(
    r"(?P<device>[^/]+)/(?P<model>[^/]+)/(?P<scheme>[^/]+)/(?P<runtime>.+)"
    r"/t(?P<threads>[0-9]+)/b(?P<batch>[0-9]+)(?:/x(?P<interpreters>[1-9][0-9]*))?"
)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Case:
    """Model × scheme × runtime × threads × batch on one device; every field is identity."""

    device: str
    model: str
    scheme: str
    #: As `orchestrator.domain.runtime.RuntimeChoice` reads it: a version is identity, too.
    runtime: str
    threads: int
    batch: int
    #: What is measured: 0 is the latency of one invocation after the other (MLPerf's single stream), more is the
    #: throughput of so many interpreters side by side (its offline scenario).
    interpreters: int = 0

    def __str__(self) -> str:
        """Return the case as ``farm results show`` takes it: ``local/tiny-cxr/int8/litert/t1/b1``, ``…/t1/b8/x2``."""
        side_by_side = f"/x{self.interpreters}" if self.interpreters else ""
        return f"{self.device}/{self.model}/{self.scheme}/{self.runtime}/t{self.threads}/b{self.batch}{side_by_side}"

    @classmethod
    def parse(cls, text: str) -> Case:
        """Read what `__str__` writes; raises `ValueError` on anything else."""
        match = _TEXT.fullmatch(text)
        if match is None:
            message = f"{text!r} is not DEVICE/MODEL/SCHEME/RUNTIME/tTHREADS/bBATCH, with /xINTERPRETERS for throughput"
            raise ValueError(message)
        return cls(
            device=match["device"],
            model=match["model"],
            scheme=match["scheme"],
            runtime=match["runtime"],
            threads=int(match["threads"]),
            batch=int(match["batch"]),
            interpreters=int(match["interpreters"] or 0),
        )
