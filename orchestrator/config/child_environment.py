"""The environment of programs that farm starts: its own without the secrets in it."""

from __future__ import annotations

import os

#: What holds a password, by its name; no program that farm starts needs one.
SECRETS = ("FARM_DB", "PGPASSWORD", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")


def child_environment(**more: str) -> dict[str, str]:
    """Return the variables for a program, with ``more``."""
    return {name: value for name, value in os.environ.items() if name not in SECRETS} | more
