#!/usr/bin/env python3
"""Draws the page's icons for phones from `icono.svg` again: `.venv/bin/python tools/iconos.py`.

iOS takes no SVG for its home screen, and Android wants one that it may cut to a circle: the same drawing to the edges,
its middle 80 % untouched (maskable, W3C Web Application Manifest).
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

STATIC = Path(__file__).resolve().parent.parent / "app" / "web" / "static"
SIZES = (180, 512)
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def main() -> int:
    """Write ``icono-<size>.png``; 1 where there is no Chromium."""
    browser = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    if browser is None:
        print("Falta Chromium:  sudo apt install chromium", file=sys.stderr)
        return 1
    drawing = (STATIC / "icono.svg").read_text().replace('rx="14" ', "")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
        for size in SIZES:
            page = chromium.new_page(viewport={"width": size, "height": size})
            page.set_content(f"<style>body{{margin:0}}svg{{display:block}}</style>{drawing}")
            target = STATIC / f"icono-{size}.png"
            page.screenshot(path=target)
            print(f"{target.name}: {target.stat().st_size} bytes")
        chromium.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
