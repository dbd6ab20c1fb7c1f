"""The pages as an ASGI application."""

from __future__ import annotations

import difflib
import hashlib
import json
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from orchestrator.errors import FarmError, StoreError, UnknownName, UsageError
from orchestrator.reports.charts import draw
from orchestrator.reports.page import render
from orchestrator.reports.web import detail_pages, question_pages, run_pages
from orchestrator.reports.web.progress import Progress
from orchestrator.reports.web.site import Page, case_url, device_url, run_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.requests import Request

    from orchestrator.reports.web.site import Site
    from orchestrator.store.queries import Queries

TEMPLATES = Path(__file__).parent / "templates"
#: How often the store is asked whether something happened, while somebody looks at what goes on.
POLL_S = 1.0
#: An open stream says so after as many looks that found nothing; a browser that has left is noticed then.
SILENT_LOOKS = 5
KINDS = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}


def make_app(site: Site, stopping: Callable[[], bool] = lambda: False) -> Starlette:
    """Return the application; streams end once it is ``stopping``."""
    pages = _Pages(site, stopping)
    routes = [
        Route("/", pages.runs),
        Route("/events", pages.runs_stream),
        Route("/runs/{run}", pages.run),
        Route("/runs/{run}/results", pages.run_results),
        Route("/runs/{run}/events", pages.run_stream),
        Route("/runs/{run}/charts/{name}.svg", pages.picture),
        Route("/devices", pages.devices),
        Route("/devices/{name}", pages.device),
        Route("/compare", pages.compare),
        Route("/claims", pages.claims),
        Route("/cases/{case:path}", pages.case),
        Route("/static/{name}", pages.static),
    ]
    handlers: Any = {FarmError: pages.failed, HTTPException: pages.refused}
    return Starlette(routes=routes, exception_handlers=handlers)


class _Pages:
    def __init__(self, site: Site, stopping: Callable[[], bool]) -> None:
        self._site, self._stopping = site, stopping
        self._run_pages = run_pages.RunPages(site)
        self._templates = _environment()

    def runs(self, _: Request) -> Response:
        return self._answer(run_pages.run_list)

    def run(self, request: Request) -> Response:
        def page(store: Queries) -> Page:
            run = store.run(request.path_params["run"])
            if run.exit_status is None:
                return run_pages.going_page(store, run, Progress())
            return self._with_pictures(self._run_pages.page(store, run))

        return self._answer(page)

    def run_results(self, request: Request) -> Response:
        return self._answer(
            lambda store: self._with_pictures(self._run_pages.page(store, store.run(request.path_params["run"])))
        )

    def picture(self, request: Request) -> Response:
        with self._site.open_store() as store:
            run = store.run(request.path_params["run"])
            drawn = self._run_pages.picture(store, run, request.path_params["name"])
        return Response(drawn, media_type="image/svg+xml")

    def devices(self, _: Request) -> Response:
        return self._answer(detail_pages.device_list)

    def device(self, request: Request) -> Response:
        return self._answer(lambda store: detail_pages.device_page(self._site, store, request.path_params["name"]))

    def compare(self, request: Request) -> Response:
        a, b = (request.query_params.get(name, "") for name in ("a", "b"))
        return self._answer(lambda store: question_pages.compare_page(self._site, store, a, b))

    def claims(self, request: Request) -> Response:
        baseline, run = (request.query_params.get(name, "") for name in ("baseline", "run"))
        return self._answer(lambda store: question_pages.claims_page(self._site, store, baseline, run))

    def case(self, request: Request) -> Response:
        name, run = request.path_params["case"], request.query_params.get("run", "")
        return self._answer(lambda store: detail_pages.case_page(self._site, store, name, run))

    def static(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in STATIC:
            raise HTTPException(404)
        headers = {"Cache-Control": "private, max-age=31536000, immutable"}
        return Response(_static(name), media_type=KINDS[name.rpartition(".")[2]], headers=headers)

    async def runs_stream(self, _: Request) -> Response:
        last = ""

        def look() -> tuple[str | None, bool]:
            nonlocal last
            with self._site.open_store() as store:
                text = self._part("runs_part.html.j2", run_pages.run_list(store))
            changed, last = text != last, text
            return (text if changed else None), False

        return self._stream(look)

    async def run_stream(self, request: Request) -> Response:
        progress = Progress()
        name = request.path_params["run"]

        def look() -> tuple[str | None, bool]:
            with self._site.open_store() as store:
                run = store.run(name)
                if run.exit_status is not None:
                    return None, True
                if progress.last_id and store.last_event(run.id) == progress.last_id:
                    return None, False
                return self._part("going_part.html.j2", run_pages.going_page(store, run, progress)), False

        return self._stream(look)

    def failed(self, _: Request, error: Exception) -> Response:
        """Show what a user can act on."""
        assert isinstance(error, FarmError)  # noqa: S101  Starlette's type of a handler is wider
        status = 404 if isinstance(error, UnknownName) else 400 if isinstance(error, UsageError) else 500
        status = 503 if isinstance(error, StoreError) else status
        near = self._near(error) if isinstance(error, UnknownName) else []
        return self._failure(status, error.message, error.hint, near)

    def refused(self, _: Request, error: Exception) -> Response:
        """Show that there is no such page."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        return self._failure(status, "there is no such page" if status == 404 else "this can't be asked", None, [])

    def _failure(self, status: int, message: str, hint: str | None, near: list[tuple[str, str]]) -> Response:
        values = {"status": status, "message": message, "hint": hint, "near": near}
        return self._html(Page(template="error.html.j2", values=values), status)

    def _near(self, error: UnknownName) -> list[tuple[str, str]]:
        """Return the pages whose names are near to the unknown one."""
        with self._site.open_store() as store:
            if error.kind == "run":
                urls = {name: run_url(run.id) for run in store.runs() for name in (run.id, run.name) if name}
            elif error.kind == "device":
                names = {*(row.name for row in store.devices()), *(row.device for row in store.results())}
                urls = {name: device_url(name) for name in names}
            else:
                urls = {row.case: case_url(row.case) for row in store.results()}
        return [(name, urls[name]) for name in difflib.get_close_matches(error.name[:100], urls, 5, 0.4)]

    def _answer(self, make: Callable[[Queries], Page]) -> Response:
        with self._site.open_store() as store:
            page = make(store)
        return self._html(page, 200)

    def _html(self, page: Page, status: int) -> Response:
        return HTMLResponse(self._part(page.template, page), status)

    def _part(self, template: str, page: Page) -> str:
        return render.printable_page(self._templates.get_template(template).render(page.values))

    def _with_pictures(self, page: Page) -> Page:
        run = page.values["run"].id
        picture_url = partial(_picture_url, run)
        return Page(template=page.template, values={**page.values, "picture_url": picture_url})

    def _stream(self, look: Callable[[], tuple[str | None, bool]]) -> Response:
        """Return a stream of server-sent events: ``changed`` with the new part of the page, ``ended`` at the end."""

        async def events() -> AsyncIterator[str]:
            looks = 0
            while not self._stopping():
                try:
                    text, ended = await run_in_threadpool(look)
                except FarmError:
                    return  # the browser asks again, and then sees the page that says why
                if ended:
                    yield "event: ended\ndata: \n\n"
                    return
                looks = 0 if text is not None else looks + 1
                if text is not None:
                    yield f"event: changed\ndata: {json.dumps(text)}\n\n"
                elif looks % SILENT_LOOKS == 0:
                    yield ": nothing new\n\n"
                await anyio.sleep(POLL_S)

        return StreamingResponse(events(), media_type="text/event-stream")


def _environment() -> Any:
    import jinja2

    made = render.environment()
    made.loader = jinja2.ChoiceLoader([jinja2.FileSystemLoader(TEMPLATES), jinja2.FileSystemLoader(render.TEMPLATES)])
    made.filters |= {
        "run_url": run_url,
        "device_url": device_url,
        "case_url": case_url,
        "run_title": question_pages.run_title,
    }
    made.globals |= {"static": _static_url, "policy": "", "version": _version()}
    return made


def _version() -> str:
    from importlib.metadata import version

    return version("edge-farm")


def _picture_url(run: str, name: str) -> str:
    return run_url(run, "charts", f"{name}.svg")


#: What is served beside pages, with what makes it.
STATIC: dict[str, Callable[[], str]] = {
    "page.css": partial(render.asset, "page.css"),
    "page.js": partial(render.asset, "page.js"),
    "charts.js": draw.bundle,
    "web.css": partial((TEMPLATES / "web.css").read_text, encoding="utf-8"),
    "live.js": partial((TEMPLATES / "live.js").read_text, encoding="utf-8"),
}


@cache
def _static(name: str) -> str:
    return STATIC[name]()


@cache
def _static_url(name: str) -> str:
    """Return the address of a file, which changes with its content."""
    return f"/static/{name}?{hashlib.sha256(_static(name).encode()).hexdigest()[:12]}"
