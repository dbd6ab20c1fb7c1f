"""Refusals: a code of `agent.wire` with a sentence for a person."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from agent import wire

if TYPE_CHECKING:
    from collections.abc import Iterator


class Refused(Exception):  # noqa: N818  a refusal is an answer, not an error of ours
    """A command that can't be carried out as asked; ``more`` are further fields of the answer."""

    def __init__(self, code: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.code, self.message, self.more = code, message, more

    def to_json(self) -> dict[str, Any]:
        """Return the answer that `agent.wire` promises."""
        return {"error": self.code, "message": self.message, **self.more}


@contextmanager
def disk_refused(what: str) -> Iterator[None]:
    """Turn a disk that is full, read-only or forbidden to this user into a refusal to write ``what``."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Refused(wire.NO_SPACE, "no space left on the device for %s" % what) from error
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise unwritable(error.filename or what, error) from error
        if error.errno == errno.ELOOP:
            message = "%s is a link, and farm writes through none: remove it" % (error.filename or what)
            raise Refused(wire.UNFIT, message) from error
        raise


def unwritable(path: object, error: OSError) -> Refused:
    """Return the refusal for a path that can't be written, with what to do."""
    reason = error.strerror or str(error)
    return Refused(
        wire.UNFIT, "can't write %s: %s; set `workdir:` to a directory that this user may write" % (path, reason)
    )
