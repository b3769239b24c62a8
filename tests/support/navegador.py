"""Real Chromium for tests of the page: one browser for the folder, a window with a person's settings for each test.

What a test in ``tests/pagina/`` has to know::

    def test_house(ventanas, casa):
        casa.aparato("LGT0", "Lámpara")
        page = ventanas.abrir("#/", talla="telefono", tema="oscuro", idioma="es")  # a Playwright Page
        expect(page.get_by_role("switch", name="Lámpara")).to_be_visible()
        sin_faltas(page)  # axe: WCAG 2.2 AA
        sin_desborde(page)  # nothing sticks out sideways

Each window is of a context of its own (cookies, storage, SharedWorker), as of another person; ``otra(page)`` opens a
second tab of the same. At the end the test fails on whatever went wrong in any window: an error in the console, an
exception, a breach of the content security policy, a request that failed or was answered with 400 or more. What the
test provokes by itself it names, before or after: ``ventanas.permitir("ERR_CONNECTION_REFUSED")`` (patterns, searched
in the lines that the failure would show).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    FloatRect,
    Locator,
    Page,
    Playwright,
    Request,
    Response,
    Route,
)

from tests.support.procesos import require

Talla = Literal["estrecho", "telefono", "tableta", "escritorio"]
TALLAS: dict[str, tuple[int, int]] = {
    "estrecho": (320, 640),
    "telefono": (360, 780),
    "tableta": (768, 1024),
    "escritorio": (1440, 900),
}
TACTILES = ("estrecho", "telefono")
TEMAS = {"claro": "light", "oscuro": "dark"}
IDIOMAS = {"es": "es-ES", "en": "en-GB"}
ZONA = "Europe/Madrid"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PATIENCE_MS = 10_000
# As root there is no sandbox to be had; no first-run traffic; the same colours and letters in pictures everywhere.
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--force-color-profile=srgb", "--font-render-hinting=none"]

cada_talla = pytest.mark.parametrize("talla", ["telefono", "tableta", "escritorio"])
movil_y_mesa = pytest.mark.parametrize("talla", ["telefono", "escritorio"])
cada_tema = pytest.mark.parametrize("tema", list(TEMAS))
cada_idioma = pytest.mark.parametrize("idioma", list(IDIOMAS))


@contextmanager
def chromium(playwright: Playwright, *flags: str, netns: str = "", entero: bool = False) -> Iterator[Browser]:
    """The system's Chromium without a window; ``netns``: on the machine that is this network namespace.

    Debian's build that has no windows, where it is: it opens a page with less than half the work. ``entero``: the whole
    browser in any case.
    """
    path = require("chromium") if entero else require("chromium-headless-shell", "chromium")
    with ExitStack() as stack:
        if netns:
            wrapper = Path(stack.enter_context(TemporaryDirectory(prefix="iot-navegador-"))) / "chromium"
            wrapper.write_text(f'#!/bin/sh\nexec {require("ip")} netns exec {netns} {path} "$@"\n')
            wrapper.chmod(0o755)
            path = str(wrapper)
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS, *flags])
        stack.callback(browser.close)
        yield browser


# --- what goes wrong --------------------------------------------------------------------------------------------------
# Said by the page itself, since a policy that only reports says nothing in the console.
_TELL_CSP = """addEventListener('securitypolicyviolation', e =>
    console.error(`CSP: ${e.effectiveDirective} forbids ${e.blockedURI} at ${e.sourceFile}:${e.lineNumber}`))"""


@dataclass
class Faltas:
    """What went wrong in the windows of a test, one line each."""

    vistas: list[str] = field(default_factory=list)
    permitidas: list[re.Pattern[str]] = field(default_factory=list)

    def vigilar(self, context: BrowserContext) -> None:
        context.add_init_script(_TELL_CSP)
        context.on("console", self._console)
        context.on("weberror", lambda e: self.vistas.append(f"exception: {e.error}"))
        context.on("requestfailed", self._failed)
        context.on("response", self._answered)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "assert"):
            where = message.location
            self.vistas.append(f"console: {message.text} ({where['url']}:{where['lineNumber']})")

    def _failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # the page left, or took it back
            self.vistas.append(f"request: {request.method} {request.url}: {request.failure}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.vistas.append(f"answer: {response.request.method} {response.url}: {response.status}")

    def sin_permiso(self) -> list[str]:
        return [line for line in self.vistas if not any(p.search(line) for p in self.permitidas)]


# --- windows ----------------------------------------------------------------------------------------------------------
class Ventanas:
    """Opens windows on the page and remembers what went wrong in them.

    ``base`` is where the page is served, ``talla`` the size of a window of which no other is told.
    """

    def __init__(self, browser: Browser, base: str, talla: str = "telefono") -> None:
        self._browser, self.base = browser, base
        self._contexts: list[BrowserContext] = []
        self.talla = talla
        self.faltas = Faltas()

    def abrir(
        self,
        donde: str | None = "",
        *,
        talla: Talla | str = "",
        tema: str = "claro",
        idioma: str = "es",
        quieto: bool = False,
        base: str | None = None,
        **context: Any,
    ) -> Page:
        """A window of a new context. ``donde``: path or hash under ``base`` (None: stay on an empty page); ``quieto``:
        reduced motion; the rest goes to Playwright's ``new_context``."""
        page = self.contexto(talla=talla or self.talla, tema=tema, idioma=idioma, quieto=quieto, **context).new_page()
        if donde is not None:
            page.goto((base or self.base).rstrip("/") + "/" + donde.lstrip("/"))
        return page

    def contexto(self, *, talla: str, tema: str, idioma: str, quieto: bool, **more: Any) -> BrowserContext:
        width, height = TALLAS[talla]
        touch = talla in TACTILES
        settings: dict[str, Any] = {
            "viewport": {"width": width, "height": height},
            "has_touch": touch,
            "is_mobile": touch,
            "color_scheme": TEMAS[tema],
            "reduced_motion": "reduce" if quieto else "no-preference",
            "locale": IDIOMAS[idioma],
            "timezone_id": ZONA,
        }
        context = self._browser.new_context(**(settings | more))
        context.set_default_timeout(PATIENCE_MS)
        self._contexts.append(context)
        self.faltas.vigilar(context)
        return context

    def otra(self, page: Page, donde: str = "") -> Page:
        """Another tab of the same person."""
        new = page.context.new_page()
        new.goto(self.base.rstrip("/") + "/" + donde.lstrip("/"))
        return new

    def permitir(self, *patterns: str) -> None:
        """What may go wrong in this test, since it is the test that does it."""
        self.faltas.permitidas += [re.compile(p) for p in patterns]

    def cerrar(self) -> None:
        for context in self._contexts:
            context.close()
        self._contexts.clear()

    def comprobar(self) -> None:
        """Fails on what went wrong."""
        for context in self._contexts:
            for page in context.pages:
                with suppress(Error):  # it is closed, or on its way to another address
                    page.evaluate("1")  # what it still had to say comes before the answer
        assert not (left := self.faltas.sin_permiso()), "went wrong in the page:\n" + "\n".join(left)


@contextmanager
def vigiladas(windows: Ventanas) -> Iterator[Ventanas]:
    """Nothing that nobody permitted may have gone wrong in them at the end, when they are closed."""
    try:
        yield windows
        windows.comprobar()
    finally:
        windows.cerrar()


def tras_prefijo(page: Page, base: str) -> str:
    """The address below which a reverse proxy shows the house at ``base`` to this page; it may ask for nothing else."""

    def proxy(route: Route) -> None:
        there = urlsplit(route.request.url)
        assert there.path.startswith("/casa/"), f"left the prefix: {route.request.url}"
        route.continue_(url=there._replace(path=there.path.removeprefix("/casa")).geturl())

    page.context.route(f"{base}**", proxy)
    return f"{base}casa/"


# --- touching ---------------------------------------------------------------------------------------------------------
_FRAMES = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))"


def caja(locator: Locator) -> FloatRect:
    """Where it is on the screen, as soon as it is in the same place in two frames: the page may still be drawing."""
    before = None
    for _ in range(PATIENCE_MS // 50):
        box = locator.bounding_box()
        if box and box == before:
            return box
        before = box  # None: taken out and drawn anew in between
        locator.page.evaluate(_FRAMES)
    raise AssertionError(f"{locator} does not come to rest")


class Dedos:
    """Fingers on a page, as a touch screen tells of them; Playwright itself only taps."""

    def __init__(self, page: Page) -> None:
        self._page, self._session = page, page.context.new_cdp_session(page)

    def poner(self, *at: tuple[float, float]) -> None:
        self._tell("touchStart", at)

    def llevar(self, *at: tuple[float, float]) -> None:
        """To there, all of them; returns when the page has drawn what came of it (moves are told once a frame)."""
        self._tell("touchMove", at)
        self._page.evaluate(_FRAMES)

    def quitar(self) -> None:
        self._tell("touchEnd", ())

    def arrastrar(self, start: tuple[float, float], end: tuple[float, float], *, pasos: int = 6) -> None:
        """One finger, from here to there."""
        self.poner(start)
        for n in range(1, pasos + 1):
            self.llevar((start[0] + (end[0] - start[0]) * n / pasos, start[1] + (end[1] - start[1]) * n / pasos))
        self.quitar()

    def _tell(self, what: str, at: tuple[tuple[float, float], ...]) -> None:
        points = [{"x": x, "y": y, "id": n} for n, (x, y) in enumerate(at)]
        self._session.send("Input.dispatchTouchEvent", {"type": what, "touchPoints": points})


# --- looking ----------------------------------------------------------------------------------------------------------
def sin_faltas(page: Page, *, salvo: tuple[str, ...] = ()) -> None:
    """axe finds nothing against WCAG 2.2 AA in what is shown now. ``salvo``: rules left out (say why there)."""
    page.evaluate(AXE_SCRIPT + "; 0")
    rules = {"target-size": {"enabled": True}} | {name: {"enabled": False} for name in salvo}
    options = {"runOnly": {"type": "tag", "values": WCAG}, "rules": rules, "resultTypes": ["violations"]}
    found = page.evaluate("options => axe.run(document, options)", options)
    assert found["passes"], "axe looked at nothing"
    said = [
        f"{v['id']} ({v['impact']}): {v['help']}\n    {' '.join(map(str, n['target']))}\n    {n['html'][:200]}\n"
        f"    {n.get('failureSummary', '').replace(chr(10), ' ')}"
        for v in found["violations"]
        for n in v["nodes"]
    ]
    assert not said, f"{page.url}: not WCAG 2.2 AA\n" + "\n".join(said)


_STICKS_OUT = """width => {
    const out = [...document.querySelectorAll('body *')].filter(e => {
        const r = e.getBoundingClientRect()
        return r.width && (r.right > width + 1 || r.left < -1)
    }).map(e => e.outerHTML.slice(0, 120))
    return [document.scrollingElement.scrollWidth, out.slice(0, 5)]
}"""


def sin_desborde(page: Page) -> None:
    """Nobody has to scroll sideways."""
    assert page.viewport_size is not None
    width = page.viewport_size["width"]
    reached, elements = page.evaluate(_STICKS_OUT, width)
    assert reached <= width, f"{page.url} is {reached} px wide in a window of {width}: {elements}"


_FOCUS = """() => {
    let e = document.activeElement
    while (e?.shadowRoot?.activeElement) e = e.shadowRoot.activeElement
    return e
}"""
_SEEN = """e => {
    const r = e.getBoundingClientRect(), x = r.x + r.width / 2, y = r.y + r.height / 2
    const root = e.getRootNode(), top = root.elementFromPoint(x, y)
    const inside = r.bottom > 0 && r.right > 0 && r.top < innerHeight && r.left < innerWidth
    return inside && (!top || e.contains(top) || top.contains(e))
}"""


def tabular(page: Page, hasta: Locator, *, tecla: str = "Tab", pasos: int = 80) -> int:
    """Press Tab until that element has the focus; how many times. Whatever has it on the way is on the screen and not
    covered (WCAG 2.4.11)."""
    for paso in range(1, pasos + 1):
        page.keyboard.press(tecla)
        focus = page.evaluate_handle(_FOCUS).as_element()
        assert focus is not None
        if focus.evaluate("e => e !== document.body"):
            assert focus.evaluate(_SEEN), f"the focus is hidden: {focus.evaluate('e => e.outerHTML.slice(0, 160)')}"
        if hasta.evaluate("(e, f) => e === f", focus):
            return paso
    raise AssertionError(f"{hasta} is not reached with {pasos} times {tecla}")
