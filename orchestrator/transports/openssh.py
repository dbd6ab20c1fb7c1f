"""Ask the installed ssh what its configuration says of a host."""

from __future__ import annotations

import os
import pwd
import re
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.config.child_environment import child_environment
from orchestrator.config.ssh_config import DEEPEST, included, split
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: A command of ``Match exec`` may ask a slow network; more than that is a fault.
TIMEOUT_S = 10.0
#: Of what ssh prints: an answer is some 5 kB.
MOST_BYTES = 1 << 20
#: What every answer of OpenSSH's has; a wrapper that prints something else must not make farm take defaults for them.
_ALWAYS = ("hostname", "port", "user")
#: The files that ssh reads, in this order.
USER_CONFIG, SYSTEM_CONFIG = Path("~/.ssh/config"), Path("/etc/ssh/ssh_config")
#: Values in which ssh takes ``~`` for the home directory of the password file.
_PATHS = re.compile(
    r"(?i)(\s*(?:identityfile|identityagent|certificatefile|userknownhostsfile)\b\s*[\s=]\s*)(?=\S)(.*)"
)
#: OpenSSH without a user, OpenSSH before 6.8, dropbear's client.
_CANNOT = re.compile(r"No user exists|(?:illegal|unknown|invalid) (?:option|argument)\W+-?G", re.IGNORECASE)
#: Lines that do not say what is wrong.
_NO_REASON = re.compile(r"^Pseudo-terminal|: terminating, \d+ bad configuration options?$")
_INCLUDE = re.compile(r"(?i)\s*include(?:\s*=\s*|\s+)(\S.*)")


class NoAnswer(Exception):  # noqa: N818  a reason to read the files ourselves
    """This ssh can't be asked: it is not OpenSSH's, can't be started, or the password file lacks the user who runs it."""


def ask(
    program: str, host: str, *, user: str | None = None, port: int | None = None, direct: bool = False
) -> Mapping[str, Sequence[str]]:
    """Return the answer of ``ssh -G``: keyword in lower case -> its values, tokens of file names not expanded.

    ``direct`` leaves ``ProxyJump`` and ``ProxyCommand`` out. Commands of ``Match exec`` are executed, as by ssh itself.
    Raises `UsageError` with ssh's own words, `NoAnswer`.
    """
    options = [*(["-l", user] if user else []), *(["-p", str(port)] if port else [])]
    options += ["-o", "ProxyJump=none", "-o", "ProxyCommand=none"] if direct else []
    with tempfile.TemporaryDirectory(prefix="farm-ssh-") as folder:
        copies = {} if _home_is_usual() else _Copies(Path(folder)).made()
        if copies:
            options += ["-F", str(Path(folder) / "config")]
        status, out, err = _output([program, "-T", "-G", *options, "--", host], host)
    if status:
        words = "; ".join(line for line in err.splitlines() if not _NO_REASON.search(line))
        for copy, original in copies.items():
            words = words.replace(str(copy), str(original))
        if _CANNOT.search(words):
            raise NoAnswer(words)
        raise UsageError(
            f"`ssh -G {host}` failed: {words or f'status {status}'}",
            hint="mend ~/.ssh/config, until that command prints an answer",
        )
    answer: dict[str, list[str]] = {}
    for line in out.splitlines():
        keyword, _, value = line.partition(" ")
        answer.setdefault(keyword.lower(), []).append(value)
    if not all(name in answer for name in _ALWAYS) or (port and answer["port"] != [str(port)]):
        raise NoAnswer(f"{program} prints something else than OpenSSH's answer")
    return answer


def _output(argv: list[str], host: str) -> tuple[int, str, str]:
    """Return status, standard output and standard error of a program that is killed, children too, when its time is up.

    They go to files: a background process of ``Match exec`` may hold a pipe open. Raises `NoAnswer` where it can't be
    started, or prints more than `MOST_BYTES`.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=child_environment(), start_new_session=True
            )
        except OSError as error:
            raise NoAnswer(f"{argv[0]}: {error.strerror}") from error
        deadline = time.monotonic() + TIMEOUT_S
        try:
            while True:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(0.05)
                if any(os.fstat(file.fileno()).st_size > MOST_BYTES for file in (out, err)):
                    raise NoAnswer(f"{argv[0]} prints more than {MOST_BYTES} bytes")
                if process.returncode is not None:
                    break
                if time.monotonic() > deadline:
                    raise UsageError(
                        f"`ssh -G {host}` gave no answer within {TIMEOUT_S:g} s: a command of `Match exec` may hang",
                        hint=f"ssh -v -G {host}   shows which",
                    )
        finally:
            if process.poll() is None:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        for file in (out, err):
            file.seek(0)
        return process.returncode, out.read().decode(errors="replace"), err.read().decode(errors="replace")


def _home_is_usual() -> bool:
    """Check whether ``$HOME`` is the directory where ssh looks, which is that of the password file."""
    try:
        usual = Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return True
    return usual.resolve() == Path.home().resolve()


class _Copies:
    """Copies of the configuration in which ``~`` is ``$HOME``, for an ssh that looks elsewhere."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._copies: dict[Path, Path] = {}

    def made(self) -> Mapping[Path, Path]:
        """Write the copies, with one called ``config`` that includes them; return copy -> original."""
        tops = [self._copy(path.expanduser(), path.expanduser().parent, 0) for path in (USER_CONFIG, SYSTEM_CONFIG)]
        text = "".join(f'Include "{top}"\n' for top in tops if top is not None)
        (self._folder / "config").write_text(text, encoding="utf-8")
        return {copy: path for path, copy in self._copies.items()}

    def _copy(self, path: Path, base: Path, depth: int) -> Path | None:
        if path in self._copies or depth > DEEPEST:
            return self._copies.get(path)
        try:
            text = path.read_bytes().decode(errors="surrogateescape")
        except OSError:
            return None
        copy = self._copies[path] = self._folder / f"{len(self._copies)}.conf"
        lines = [self._line(line, base, depth) for line in text.split("\n")]
        copy.write_bytes("\n".join(lines).encode(errors="surrogateescape"))
        return copy

    def _line(self, line: str, base: Path, depth: int) -> str:
        include, paths = _INCLUDE.fullmatch(line), _PATHS.fullmatch(line)
        if include:
            copies = [self._copy(file, base, depth + 1) for file in included(include[1], base, line)]
            return "Include " + " ".join(f'"{copy}"' for copy in copies if copy) if any(copies) else ""
        if paths:
            words = [re.sub(r"^~(?=/)|^%d", str(Path.home()), word) for word in split(paths[2], str(base))]
            return paths[1] + " ".join(f'"{word}"' for word in words)
        return line
