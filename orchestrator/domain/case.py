"""A case: one point of the matrix."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Case:
    """Model × scheme × runtime × threads × batch on one device; every field is identity."""

    device: str
    model: str
    scheme: str
    runtime: str
    threads: int
    batch: int

    def __str__(self) -> str:
        """Return the case as ``farm results show`` takes it: ``local/tiny-cxr/int8/litert/t1/b1``."""
        return f"{self.device}/{self.model}/{self.scheme}/{self.runtime}/t{self.threads}/b{self.batch}"

    @classmethod
    def parse(cls, text: str) -> Case:
        """Read what `__str__` writes; raises `ValueError` on anything else."""
        parts = text.split("/")
        if len(parts) != 6 or not re.fullmatch(r"t[0-9]+/b[0-9]+", "/".join(parts[4:])):
            message = f"{text!r} is not DEVICE/MODEL/SCHEME/RUNTIME/tTHREADS/bBATCH"
            raise ValueError(message)
        device, model, scheme, runtime, threads, batch = parts
        return cls(
            device=device, model=model, scheme=scheme, runtime=runtime, threads=int(threads[1:]), batch=int(batch[1:])
        )
