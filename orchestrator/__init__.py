"""The Python API of farm, of which the command line is a client: docs/python.md.

A name is imported when it is first used, so that ``import orchestrator`` loads neither TensorFlow nor SSH nor a database.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.config.inventory import Inventory
    from orchestrator.config.selectors import select
    from orchestrator.config.suite import load as load_suite
    from orchestrator.config.suite import narrow as narrow_suite
    from orchestrator.domain.device import Device
    from orchestrator.domain.model import DatasetSpec, ModelSpec, Preprocess
    from orchestrator.domain.suite import Suite, Throughput
    from orchestrator.errors import FarmError
    from orchestrator.reports.frame import results_frame
    from orchestrator.runs.farm import Farm
    from orchestrator.store.rows import ResultRow
    from orchestrator.store.store import Store

__all__ = [
    "DatasetSpec",
    "Device",
    "Farm",
    "FarmError",
    "Inventory",
    "ModelSpec",
    "Preprocess",
    "ResultRow",
    "Store",
    "Suite",
    "Throughput",
    "load_suite",
    "narrow_suite",
    "results_frame",
    "select",
]

#: Where each name is at home, with the name that it has there if that is another.
_HOMES = {
    "DatasetSpec": "orchestrator.domain.model",
    "Device": "orchestrator.domain.device",
    "Farm": "orchestrator.runs.farm",
    "FarmError": "orchestrator.errors",
    "Inventory": "orchestrator.config.inventory",
    "ModelSpec": "orchestrator.domain.model",
    "Preprocess": "orchestrator.domain.model",
    "ResultRow": "orchestrator.store.rows",
    "Store": "orchestrator.store.store",
    "Suite": "orchestrator.domain.suite",
    "Throughput": "orchestrator.domain.suite",
    "load_suite": "orchestrator.config.suite:load",
    "narrow_suite": "orchestrator.config.suite:narrow",
    "results_frame": "orchestrator.reports.frame",
    "select": "orchestrator.config.selectors",
}


def __getattr__(name: str) -> Any:
    home, _, there = _HOMES.get(name, "").partition(":")
    if not home:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(home), there or name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
