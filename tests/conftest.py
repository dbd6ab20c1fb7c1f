"""Fixtures that every test may ask for."""

from __future__ import annotations

from hypothesis import settings

# a busy machine is no failure
settings.register_profile("farm", deadline=None)
settings.load_profile("farm")

pytest_plugins = [
    "tests.lab.browser",
    "tests.lab.postgres",
    "tests.lab.sshd",
    "tests.lab.laboratory",
    "tests.lab.project",
    "tests.lab.swiftshader",
    "tests.lab.xrays",
]
