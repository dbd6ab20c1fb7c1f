"""The number of files that a process may have open."""

from __future__ import annotations

from contextlib import suppress

#: Of those that are no device's: the database, a build, a report.
SPARE = 256
#: A device has one connection, and for a moment the pair that a thread wakes it by.
EACH = 3


def allow_files(devices: int) -> None:
    """Let this process have files open for so many devices, as far as its hard limit allows; the usual soft one is 1024."""
    with suppress(ImportError, ValueError, OSError):
        import resource  # not on Windows

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = SPARE + EACH * devices
        if hard != resource.RLIM_INFINITY:
            wanted = min(wanted, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
