"""The page in Debian's Chromium, and everything that it complained of, or asked of other machines."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect

from local.environment import ROOT

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
SOME_MS = 20_000.0  # a bound for a busy machine, never a measurement
SIZES = {"wide": (1280, 800), "phone": (390, 844)}


@dataclass
class Opened:
    """One page. `complaints`: errors of its scripts, and lines of its console."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def send(self, *files: Path) -> None:
        """Choose a file, as a person does."""
        self.page.set_input_files("input[type=file]", files)

    def answered(self) -> Locator:
        """The answers, as soon as they are there."""
        expect(self.page.locator("html[data-state=answered]")).to_have_count(1, timeout=SOME_MS)
        return self.page.locator(".answers")

    def switch_language(self) -> None:
        self.page.click("header button")

    def faults(self) -> list[str]:
        """What axe finds, and whether the page is wider than its window."""
        self.page.evaluate(AXE.read_text())
        found: Any = self.page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
        faults = [f"{each['id']}: {node['html'][:90]}" for each in found["violations"] for node in each["nodes"]]
        wide = self.page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
        return faults if wide <= 0 else [*faults, f"{wide} pixels beyond the window"]


@contextmanager
def opened(browser: Browser, url: str, *, size: str = "wide", locale: str = "en-GB") -> Generator[Opened, None, None]:
    """A page at the address."""
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height}, locale=locale, permissions=["camera"], reduced_motion="reduce"
    )
    page = context.new_page()
    shown = Opened(page)
    page.on("pageerror", lambda error: shown.complaints.append(str(error)))
    page.on("console", lambda line: shown.complaints.append(line.text))
    page.on("request", lambda request: _note_outside(request.url, url, shown.outside))
    page.goto(url)
    expect(page.locator("h1")).to_be_visible(timeout=SOME_MS)
    yield shown
    context.close()


def _note_outside(asked: str, own: str, outside: list[str]) -> None:
    if not asked.startswith((own, "data:", "blob:")):
        outside.append(asked)
