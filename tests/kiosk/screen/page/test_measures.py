"""What a ruler, a contrast meter and axe find on every step, in both screens and languages, on three sizes of glass."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.kiosk.screen.page.conftest import Opened

ROOT = Path(__file__).parents[4]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
PICTURES = ROOT / "docs" / "kiosk"
DRAWS = os.environ.get("NUNCHI_SCREENSHOTS") == "1"  # write docs/kiosk anew
GLASS = {"tall-32": ((1080, 1920), 32.0), "wide-15": ((1280, 800), 15.6), "wide-11": ((1280, 800), 11.0)}
Opens = Callable[..., Opened]

MEASURE = """
() => {
  const mm = parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--mm"));
  const seen = (element) => element.checkVisibility({ visibilityProperty: true }) && element.getClientRects().length;
  const dialog = document.querySelector("dialog[open]");
  const within = dialog ?? document.querySelector(".glass");
  const canvas = new OffscreenCanvas(10, 10).getContext("2d");
  const letters = [];
  const walker = document.createTreeWalker(within, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    const element = walker.currentNode.parentElement;
    if (!text || !seen(element) || element.closest(".hidden")) continue;
    const style = getComputedStyle(element);
    canvas.font = `${style.fontWeight} ${style.fontSize} Pretendard`;
    const { actualBoundingBoxAscent: up, actualBoundingBoxDescent: down } = canvas.measureText("한글불빛");
    letters.push({ text, mm: (up + down) / mm, weight: style.fontWeight });
  }
  const targets = [...within.querySelectorAll("button")].filter(seen).map((button) => {
    let { left, top, right, bottom } = button.getBoundingClientRect();
    const { width, height } = button.getBoundingClientRect();
    for (let each = button.parentElement; each; each = each.parentElement) {
      if (getComputedStyle(each).overflowY === "visible") continue;
      const box = each.getBoundingClientRect(); // what a list that scrolls hides is not there
      [top, bottom] = [Math.max(top, box.top), Math.min(bottom, box.bottom)];
    }
    if (bottom - top < 1) return null;
    const text = (button.getAttribute("aria-label") ?? button.innerText).trim();
    return { text, left, top, right, bottom, width: width / mm, height: height / mm };
  }).filter(Boolean);
  const gaps = [];
  for (let i = 0; i < targets.length; i++) {
    for (let j = i + 1; j < targets.length; j++) {
      const [a, b] = [targets[i], targets[j]];
      const across = Math.max(a.left, b.left) - Math.min(a.right, b.right);
      const down = Math.max(a.top, b.top) - Math.min(a.bottom, b.bottom);
      gaps.push({ between: `${a.text} | ${b.text}`, mm: Math.max(across, down) / mm });
    }
  }
  const beyond = targets.filter((t) => t.left < -1 || t.right > innerWidth + 1).map((t) => t.text);
  return { mm, letters, targets, gaps, beyond };
}
"""

# The contrast of each text with the colour behind it, by WCAG 2's formula.
CONTRAST = """
() => {
  const parts = (colour) => {
    const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number);
    return { r, g, b, a };
  };
  const light = ({ r, g, b }) => {
    const [x, y, z] = [r, g, b].map((v) => ((v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = parts(getComputedStyle(each).backgroundColor);
      if (colour.a === 1) return colour;
    }
    return parts(getComputedStyle(document.body).backgroundColor);
  };
  const dialog = document.querySelector("dialog[open]");
  const found = [];
  for (const element of (dialog ?? document.body).querySelectorAll("*")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || element.closest(":disabled, .hidden, script, style") || !element.checkVisibility()) continue;
    const [one, two] = [light(parts(getComputedStyle(element).color)), light(behind(element))].sort((a, b) => b - a);
    found.push({ text: element.textContent.trim(), ratio: (one + 0.05) / (two + 0.05) });
  }
  return found;
}
"""


def walk(shown: Opened, *, easy: bool, each: Callable[[str], None]) -> None:
    """Every step and sheet, once."""
    if easy:
        shown.touch(".switch")
        shown.shows(screen="easy")
    each("1-attract")
    for sheet in ("settings", "privacy"):
        shown.touch(".tune" if sheet == "settings" else ".look")
        each(f"1-{sheet}")
        shown.page.keyboard.press("Escape")
    shown.touch(".main.start")
    each("2-type")
    shown.touch(".pick")
    each("3-menu")
    shown.touch(".row" if easy else ".dishes .places .card")
    each("4-dish")
    if easy and shown.page.locator(".taste button").count():
        shown.touch(".taste button")
        each("5-options")
        while shown.page.locator("html[data-step=options]").count():
            shown.touch(".forward")
    shown.touch(".forward")
    each("6-cart")
    shown.touch(".forward")
    each("7-pay")
    shown.touch(".pick")
    shown.shows(step="paying")
    each("8-paying")
    shown.shows(step="receipt")
    each("9-receipt")


@pytest.mark.parametrize("glass", list(GLASS))
@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("easy", [False, True], ids=["usual", "easy"])
def test_letters_targets_gaps_contrast_and_axe(opens: Opens, glass: str, language: str, easy: bool) -> None:
    """In easy mode letters of 12 mm (7.25 on glass of 11 inches), targets of 20 mm, 6 mm apart, contrast 7:1.

    In usual mode targets of 12 mm and contrast 4.5:1. In both: axe finds no violation, nothing leaves the machine.
    """
    size, inches = GLASS[glass]
    shown = opens(size=size, inches=inches, language=language)
    shown.page.evaluate(AXE.read_text())
    least_letter = (7.25 if inches <= 11 else 12) if easy else 2.5
    least_target, least_gap, least_contrast = (20, 6, 7) if easy else (12, 2.5, 4.5)
    faults: list[str] = []

    def check(step: str) -> None:
        found: Any = shown.page.evaluate(MEASURE)
        close = 0.05  # mm: browsers round to a part of a pixel
        faults.extend(
            f"{step}: “{each['text']}” is {each['mm']:.2f} mm high"
            for each in found["letters"]
            if each["mm"] < least_letter - close
        )
        faults.extend(
            f"{step}: “{each['text']}” is {each['width']:.1f} × {each['height']:.1f} mm"
            for each in found["targets"]
            if min(each["width"], each["height"]) < least_target - close
        )
        faults.extend(
            f"{step}: {each['between']} are {each['mm']:.2f} mm apart"
            for each in found["gaps"]
            if each["mm"] < least_gap - close
        )
        faults.extend(f"{step}: {text} is beyond the glass" for text in found["beyond"])
        faults.extend(
            f"{step}: “{each['text']}” has contrast {each['ratio']:.2f}"
            for each in shown.page.evaluate(CONTRAST)
            if each["ratio"] < least_contrast
        )
        faults.extend(f"{step}: axe: {each}" for each in _axe(shown.page))
        if DRAWS:
            PICTURES.mkdir(parents=True, exist_ok=True)
            name = f"{glass}-{language}-{'easy' if easy else 'usual'}-{step}.jpg"
            shown.page.screenshot(path=PICTURES / name, type="jpeg", quality=72)

    walk(shown, easy=easy, each=check)
    assert faults == [], "\n".join(faults)
    assert (shown.errors, shown.outside) == ([], [])


def _axe(page: Page) -> list[str]:
    found = page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
    return [f"{each['id']}: {node['html'][:90]}" for each in found["violations"] for node in each["nodes"]]


@pytest.mark.parametrize("glass", list(GLASS))
def test_everything_stays_within_the_glass_at_twice_the_letters(opens: Opens, glass: str) -> None:
    """Magnified to 200 %, no control is beyond the side of the glass, and an order still gets its number."""
    size, inches = GLASS[glass]
    shown = opens(size=size, inches=inches)
    shown.touch(".switch")
    shown.touch(".tune")
    for _ in range(3):
        shown.page.locator(".setting .second").nth(1).click()
    shown.touch(".settings .main")
    assert shown.page.evaluate("() => document.documentElement.style.getPropertyValue('--zoom')") == "2"
    for selector in (".main.start", ".pick", ".row", ".forward", ".forward"):
        assert shown.page.evaluate(MEASURE)["beyond"] == []
        shown.touch(selector)
    shown.touch(".pick")
    shown.shows(step="receipt")


@pytest.mark.parametrize("glass", ["tall-32"])
def test_the_lowered_page_is_within_reach_from_a_wheelchair(opens: Opens, glass: str) -> None:
    """Every control is at most 1,220 mm above the floor, for glass whose lower edge is at 750 mm."""
    size, inches = GLASS[glass]
    shown = opens(size=size, inches=inches)
    shown.touch(".switch")
    shown.touch(".lower")
    for selector in (".main.start", ".pick", ".row", ".forward", ".forward"):
        found = shown.page.evaluate(MEASURE)
        highest = max((size[1] - each["top"]) / found["mm"] + 750 for each in found["targets"])
        assert highest <= 1220.5
        shown.touch(selector)
