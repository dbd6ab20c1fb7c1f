"""Look up how servers are reached, each once: OpenSSH is asked, or its files are read where there is no ssh."""

from __future__ import annotations

import re
import shutil
import threading
from typing import TYPE_CHECKING

from orchestrator.config import ssh_config
from orchestrator.config.ssh_resolve import resolve
from orchestrator.errors import UsageError
from orchestrator.transports import openssh
from orchestrator.transports.ssh_options import local_user, parsed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from orchestrator.transports.ssh_options import SshOptions


#: What OpenSSH, too, allows in no name: a program that gets it as a word could take it for something else.
_NO_NAME = {
    "host": re.compile(r"^-|[\s\x00-\x1f\x7f'\"`;&<>|(){}]"),
    "user": re.compile(r"^-|[\x00-\x1f\x7f'\"`;&<>|(){}]"),
}


def _expect_names(host: str, user: str, hint: str) -> None:
    """Raise `UsageError` for a name that a program might take for an option, or a shell for a command."""
    for what, name in (("host", host), ("user", user)):
        if _NO_NAME[what].search(name):
            raise UsageError(f"{name!r} is not the name of a {what}", hint=hint)


class SshLookup:
    """Answers of one command, shared by threads; ``warn`` gets each line of the files that is skipped, once."""

    def __init__(self, warn: Callable[[str], None] = lambda _: None) -> None:
        self._warn = warn
        self._lock = threading.Lock()
        self._answers: dict[tuple[str, str | None, int | None], SshOptions] = {}
        self._warned: set[str] = set()

    def options(self, host: str, user: str | None = None, port: int | None = None) -> SshOptions:
        """Return how ``host`` is reached; ``user`` and ``port`` win over ssh_config(5).

        Raises `UsageError` where its files are wrong, or say what farm can't follow.
        """
        _expect_names(host, user or "", "correct `address:`, `user:` or `via:`")
        key = (host, user, port)
        with self._lock:
            if key in self._answers:
                return self._answers[key]
        options = parsed(self._answer(host, user, port), host)
        _expect_names(options.host, options.user, "correct ~/.ssh/config")
        with self._lock:
            return self._answers.setdefault(key, options)

    def _answer(self, host: str, user: str | None, port: int | None) -> Mapping[str, Sequence[str]]:
        program = shutil.which("ssh")
        if program is None:
            return self._read(host, user, port)
        try:
            return openssh.ask(program, host, user=user, port=port)
        except openssh.NoAnswer:
            return self._read(host, user, port)
        except UsageError as error:
            if "jumphost loop" not in error.message:
                raise
            return openssh.ask(program, host, user=user, port=port, direct=True)  # `Host *` names its own jump host

    def _read(self, host: str, user: str | None, port: int | None) -> Mapping[str, Sequence[str]]:
        """Return what the files say, in the form of ``ssh -G``."""
        files = [path.expanduser() for path in (openssh.USER_CONFIG, openssh.SYSTEM_CONFIG)]
        read = resolve(ssh_config.lines(*files), host, local_user=local_user(), user=user, port=port)
        for line in read.undecided:
            raise UsageError(
                f"{line.where}: only ssh itself can tell whether {line.keyword!r} counts for {host}",
                hint="install the OpenSSH client, or write the address, port and user into the inventory",
            )
        for line in read.unknown:
            text = f"{line.where}: unknown keyword {line.keyword!r} skipped"
            with self._lock:
                new = text not in self._warned
                self._warned.add(text)
            if new:
                self._warn(text)
        return read.options
