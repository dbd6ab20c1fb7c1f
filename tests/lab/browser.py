"""A real browser without a screen: the system's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A page that is open, with what it printed on its console and whatever it asked a network for."""

    page: Any
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def drawn(self) -> int:
        """Wait until every chart is drawn; return how many there are."""
        count = self.page.locator("[data-chart]").count()
        self.page.locator(f"html[data-charts='{count}/{count}']").wait_for(state="attached", timeout=120_000)
        return count


@dataclass(frozen=True, kw_only=True)
class Browser:
    """Chromium, started."""

    chromium: Any

    @contextmanager
    def open(self, path: Path, *, width: int = 1200, height: int = 900, scheme: str = "light") -> Iterator[Opened]:
        """Open a file as a person would who has it on a disk."""
        context = self.chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, offline=True, accept_downloads=True
        )
        try:
            context.set_default_timeout(120_000)
            opened = Opened(page=context.new_page())
            opened.page.on("console", lambda message: opened.console.append(f"{message.type}: {message.text}"))
            opened.page.on("pageerror", lambda error: opened.console.append(f"error: {error}"))
            opened.page.on("request", lambda request: opened.requests.append(request.url))
            opened.page.goto(path.as_uri())
            yield opened
        finally:
            context.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium for all tests of a file; they are skipped where there is none.

    Playwright's event loop runs in this thread until the end: no other test may find it running.
    """
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no Chromium here; scripts/prepare installs it on Debian, as root")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield Browser(chromium=chromium)
        chromium.close()
