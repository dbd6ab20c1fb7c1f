"""Log in with a password, once, to leave a public key there: never kept, never sent unasked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import paramiko
from paramiko.auth_strategy import AuthStrategy

from orchestrator.errors import AuthenticationRefused

if TYPE_CHECKING:
    from collections.abc import Callable

#: As ssh does (NumberOfPasswordPrompts of ssh_config(5)).
TRIES = 3

#: For a device that may have no Python yet; the key comes on standard input, so nothing is built from strings.
LEAVE_KEY = (
    "umask 077; mkdir -p ~/.ssh && cd ~/.ssh && touch authorized_keys && chmod 700 . && chmod 600 authorized_keys "
    '&& key=$(cat) && if grep -qxF -e "$key" authorized_keys; then :; else '
    'if [ -n "$(tail -c1 authorized_keys)" ]; then echo >>authorized_keys; fi; '
    'printf "%s\\n" "$key" >>authorized_keys; fi'
)


class AskedPassword(AuthStrategy):  # type: ignore[misc]  # paramiko is untyped
    """Asks the person at the terminal for a password, `TRIES` times; ``ask`` gets the question."""

    def __init__(self, *, who: str, user: str, ask: Callable[[str], str]) -> None:
        super().__init__(ssh_config={})
        self._who, self._user, self._ask = who, user, ask

    def authenticate(self, transport: paramiko.Transport) -> None:
        """Log in; raises `AuthenticationRefused`."""
        for _ in range(TRIES):
            password = self._ask(f"Password of {self._user} on {self._who}")
            try:
                wanted = transport.auth_password(self._user, password)
            except paramiko.BadAuthenticationType as error:
                raise AuthenticationRefused(
                    f"{self._who}: it takes no passwords, only {', '.join(error.allowed_types)}",
                    hint="put a public key of yours into ~/.ssh/authorized_keys there by other means",
                ) from error
            except paramiko.AuthenticationException:
                if not transport.is_active():
                    break
                continue
            if wanted:
                raise AuthenticationRefused(f"{self._who}: besides the password it wants {', '.join(wanted)}")
            return
        raise AuthenticationRefused(f"{self._who}: no login as {self._user}: the password was refused")
