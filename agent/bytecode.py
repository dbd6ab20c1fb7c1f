"""The agent's zip with its modules compiled, for the Python of this device: an agent that compiles nothing starts in half the time."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from typing import Optional

#: In hexadecimal digits, in front of the zip: the sha256 of all that follows.
_DIGEST = 64
#: A compiled module that is loaded without a look at its source (PEP 552).
_UNCHECKED = 1


def ready(source: str) -> tuple[str, bool]:
    """Return what to run in the place of the agent ``source``, a zip named by its sha256, and whether the disk had changed that.

    It is made once, and again where the disk changed it or where it is not its user's alone; where that is impossible, ``source`` is run.
    """
    target = compiled(source)
    if target is None:
        return source, False
    content = _content(target)
    if content is not None and _digest(content[_DIGEST:]) == content[:_DIGEST]:
        return target, False
    try:
        _make(source, target)
    except (OSError, ValueError, SyntaxError):  # a full disk, another content: the agent itself says so
        return source, content is not None
    return target, content is not None


def compiled(source: str) -> Optional[str]:
    """Return where the compiled form of ``source`` belongs, ``None`` where Python has no name for its kind of compiled modules."""
    tag = sys.implementation.cache_tag
    return None if tag is None else "%s.%s.zip" % (source[: -len(".zip")], tag)


def forms(running: str) -> tuple[str, ...]:
    """Return the file that this agent runs from, with the one that was sent here where that is another."""
    tail = ".%s.zip" % sys.implementation.cache_tag
    return (running, running[: -len(tail)] + ".zip") if running.endswith(tail) else (running,)


def _content(path: str) -> Optional[bytes]:
    """Return what a file of this user alone holds."""
    with suppress(OSError), open(path, "rb", opener=_no_link) as file:
        facts = os.fstat(file.fileno())
        alone = facts.st_uid in (0, os.geteuid()) and not facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        return file.read() if alone and stat.S_ISREG(facts.st_mode) else None
    return None


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _digest(content: bytes) -> bytes:
    import hashlib

    return hashlib.sha256(content).hexdigest().encode()


def _make(source: str, target: str) -> None:
    import io
    import marshal
    import zipfile
    from importlib import util

    with open(source, "rb") as file:
        whole = file.read()
    if _digest(whole).decode() not in source:
        raise ValueError("%s is damaged" % source)
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(whole)) as sent,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        for name in sent.namelist():
            text = sent.read(name)
            archive.writestr(name, text)
            if name.endswith(".py"):
                code = compile(text, os.path.join(target, name), "exec", dont_inherit=True)
                head = util.MAGIC_NUMBER + _UNCHECKED.to_bytes(4, "little") + util.source_hash(text)
                archive.writestr(name + "c", head + marshal.dumps(code))
    _write(target, _digest(out.getvalue()) + out.getvalue())


def _write(target: str, content: bytes) -> None:
    temporary = "%s.%d" % (target, os.getpid())  # as `agent.cleanup` knows those that a dead process left
    with suppress(FileNotFoundError):
        os.unlink(temporary)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
