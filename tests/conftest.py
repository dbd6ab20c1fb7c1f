"""Fixtures that every test may ask for."""

from __future__ import annotations

import signal

from hypothesis import settings

# Who started the tests in the background of a script, or by nohup, made them ignore these, and with them every process that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# a busy machine is no failure
settings.register_profile("farm", deadline=None)
settings.load_profile("farm")

pytest_plugins = [
    "tests.lab.browser",
    "tests.lab.postgres",
    "tests.lab.sshd",
    "tests.lab.laboratory",
    "tests.lab.project",
    "tests.lab.dask_cluster",
    "tests.lab.swiftshader",
    "tests.lab.xrays",
]
