"""``farm web``: the store in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.context import Db, InventoryFile, console, errors_console, project

if TYPE_CHECKING:
    from orchestrator.cli.context import Project
    from orchestrator.reports.web.site import Site

EPILOG = """Examples:

\b
  farm web
  farm web --port 0 --claims examples/study-claims.yaml

It only reads, and only this machine reaches it. It needs pip install 'edge-farm[web]'. Ctrl-C ends it."""
PORT = 8765
WARNING = (
    "other machines can reach {host}; who has the address below can read every result, "
    "and who listens on the network can read along"
)


def web(
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where it listens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one and prints it.")] = PORT,
    claims: Annotated[
        Path | None, typer.Option(metavar="CLAIMS.yaml", help="Answer these claims on the page of claims.")
    ] = None,
    *,
    network: Annotated[
        bool, typer.Option("--network", help="Let other machines reach --host: whoever has the printed token.")
    ] = False,
    db: Db = None,
    inventory: InventoryFile = None,
) -> None:
    """Show the store in a browser, live.

    Runs, devices, comparisons, claims; a run that goes on changes by itself.
    """
    import secrets

    from orchestrator.reports.web import server

    local = server.is_loopback(host)
    if not local and not network:
        from orchestrator.errors import UsageError

        raise UsageError(
            f"{host} may be reached by other machines, and the pages are not encrypted",
            hint="--network opens it all the same; without --host, come by ssh -L 8765:localhost:8765",
        )
    site = _site(project(db, inventory), claims)
    token = None if local else secrets.token_urlsafe(24)
    with server.listen(host, port) as opened:
        if token is not None:
            errors_console().print(
                f"warning: {WARNING.format(host=host)}", style="yellow", markup=False, soft_wrap=True
            )

        def ready() -> None:
            console().print(f"farm web  {server.url(opened, host, token)}", markup=False, soft_wrap=True)

        server.serve(site, opened, host, token, ready)


def _site(where: Project, claims: Path | None) -> Site:
    """Return what the pages are made from; raises where the claims or the database can't be read."""
    from orchestrator.cli.results.answers import devices_of
    from orchestrator.config import claims as files
    from orchestrator.reports.web.site import Site
    from orchestrator.store.store import Store

    def open_store() -> Store:
        return Store.open(where.db, create=False, read_only=True)

    if claims is not None:
        files.load(claims)
    open_store().close()
    return Site(
        open_store=open_store,
        labels=where.state / "blobs",
        claims=None if claims is None else lambda: files.load(claims),
        devices_of=lambda store: devices_of(store, where),
    )
