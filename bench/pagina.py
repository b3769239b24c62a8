"""The page in Chromium: first sight of a house on a slow phone, bytes, publish -> screen, and a large house that moves.

The browser runs on the same two cores as everything else. Times are the page's own: ``performance.timeOrigin +
performance.now()`` is the wall clock that the publisher stamps with, and each run checks that the two agree.
"""

from __future__ import annotations

import importlib.util
import json
import time
from contextlib import closing, contextmanager
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.children import BenchError, Target, program, wait_for
from bench.report import Row
from bench.rest import Client
from bench.stats import summary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from paho.mqtt.client import Client as Mqtt
    from playwright.sync_api import Browser, Page

    from bench.runs import Context

NAME = "pagina"
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "TMP0": ("sensor", {"temperatura": 21.4, "humedad": 47}),
    "LGT0": ("actuador", {}),
    "PLG0": ("actuador", {"consumo_w": 1234.0}),
    "CO20": ("sensor", {"co2_ppm": 640}),
    "MOV0": ("sensor", {"movimiento": False}),
}
ROOMS = ("Salón", "Cocina", "Dormitorio", "Jardín")
FIRST, LARGE = 50, 200
SLOWDOWN = 4
PHONE = {"viewport": {"width": 360, "height": 780}, "is_mobile": True, "has_touch": True, "locale": "es-ES"}
GOALS = {"paint": 1000.0, "screen": 100.0, "task": 100.0, "bytes": 150.0}
FAMILY = ("", "dispositivo/{}", "horarios", "horario/{}", "avisos", "mas", "entrar")
CARE = ("casa", "habitaciones", "escenas", "cuentas", "accesos", "respaldos", "salud", "registro", "telefono")
SETUP = ("anadir", *(f"mas/{name}" for name in CARE))
SETTLE_MS = 500  # what a screen asks for once it is there
PACE_S = 0.09
LARGE_RATE = 20
CLOCKS_MS = 5.0
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run"]

# When all tiles are there, and when a frame with them has been drawn.
WATCH_TILES = """new MutationObserver((_, watch) => {
    if (document.querySelectorAll('iot-ficha').length < %d) return
    watch.disconnect()
    requestAnimationFrame(() => setTimeout(() => { window.benchTiles = performance.now() }))
}).observe(document, {childList: true, subtree: true})"""
# [what the tile shows, ms since 1970 when the frame with it has been drawn].
WATCH_VALUE = """nombre => {
    const fichas = [...document.querySelectorAll('iot-ficha')]
    const valor = fichas.find(f => f.querySelector('.nombre').textContent === nombre).querySelector('.valor')
    window.benchSeen = []
    new MutationObserver(() => requestAnimationFrame(() => {
        const texto = valor.textContent
        setTimeout(() => benchSeen.push([texto, performance.timeOrigin + performance.now()]))
    })).observe(valor, {childList: true, characterData: true, subtree: true})
}"""
WATCH_TASKS = """() => {
    Object.assign(window, {benchTasks: [], benchDrawn: 0})
    new PerformanceObserver(l => benchTasks.push(...l.getEntries().map(e => e.duration))).observe({type: 'longtask'})
    new MutationObserver(() => benchDrawn++).observe(document.querySelector('.salas'), {childList: true, subtree: true})
}"""
BUSY = "() => setTimeout(() => { const end = performance.now() + 80; while (performance.now() < end); })"
CLOCK = "performance.timeOrigin + performance.now() - Date.now()"
PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
LOADED = """[performance.getEntriesByType('navigation')[0], ...performance.getEntriesByType('resource')
    .filter(r => r.name.includes('/static/'))].reduce((n, r) => n + r.decodedBodySize, 0)"""


def missing() -> str:
    """Why this one cannot run here, or nothing."""
    if not program("chromium"):
        return "falta Chromium (por ejemplo, «sudo apt install chromium»)"
    if importlib.util.find_spec("playwright") is None:
        return "falta playwright, que instala «./iot test --version»"
    return ""


def run(context: Context) -> None:
    if problem := missing():
        raise BenchError(problem)
    with context.lab() as lab:
        broker = lab.mosquitto()
        house = House(broker, lab.backend(broker, CLAIMS_PER_MIN=0))
        with closing(house), chromium() as browser:
            house.fill(FIRST)
            first_sight(context, browser, house)
            screen(context, browser, house)
            house.fill(LARGE)
            large(context, browser, house)


class House:
    """Claimed devices in rooms, and their voice."""

    def __init__(self, broker: int, target: Target) -> None:
        self.target, self.client = target, Client(target.port)
        self.names: list[str] = []
        self.mqtt = connect(broker)
        self.rooms: list[int] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.target.port}/"

    def fill(self, count: int) -> None:
        """Until there are so many."""
        kinds = list(KINDS)
        new = {serial(kinds[n % len(kinds)], n): n for n in range(len(self.names), count)}
        for name in new:
            self.say(name, estado="activo", parametros=KINDS[name[:4]][1])
        self.await_all(count)
        for name, n in new.items():
            body = {"serial_number": name, "nombre": f"Aparato {n}", "tipo": KINDS[name[:4]][0]}
            device = json.loads(self.client.send("POST", "/dispositivos/reclamar", body))["id"]
            self.client.send("PUT", f"/dispositivos/{device}", {"habitacion_id": self.room(n)})
        self.names += new

    def room(self, n: int) -> int:
        if not self.rooms:
            made = [self.client.send("POST", "/habitaciones", {"nombre": name}) for name in ROOMS]
            self.rooms = [json.loads(room)["id"] for room in made]
        return self.rooms[n % len(self.rooms)]

    def await_all(self, count: int) -> None:
        wait_for(
            lambda: self.client.get("/dispositivos").count(b'"serial_number"') >= count,
            30,
            lambda: self.target.child.failure("no ve todos los dispositivos"),
            pause=0.1,
        )

    def say(self, name: str, **fields: Any) -> float:
        """The device reports; ms since 1970 when it was published."""
        body = json.dumps(fields)
        at = time.time() * 1000
        self.mqtt.publish(f"dispositivos/{name}/estado", body, qos=1)
        return at

    def close(self) -> None:
        self.mqtt.disconnect()
        self.mqtt.loop_stop()
        self.client.close()


def connect(port: int) -> Mqtt:
    from paho.mqtt import client as mqtt
    from paho.mqtt.enums import CallbackAPIVersion

    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bench-pagina")
    client.max_inflight_messages_set(500)
    client.connect("127.0.0.1", port)
    client.loop_start()
    return client


def serial(kind: str, number: int) -> str:
    return f"{kind}{number:08d}"


@contextmanager
def chromium() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def window(browser: Browser, *, slowdown: int = 1, script: str = "") -> Iterator[Page]:
    """A phone that has never seen the page, its processor so many times slower."""
    context = browser.new_context(**PHONE)  # type: ignore[arg-type]
    try:
        if script:
            context.add_init_script(script)
        page = context.new_page()
        context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slowdown})
        yield page
    finally:
        context.close()


# --- what is measured -------------------------------------------------------------------------------------------------
def first_sight(context: Context, browser: Browser, house: House) -> None:
    """Medians over several first visits, nothing in the cache."""
    paints, tiles, loaded = [], [], 0
    for _ in range(3 if context.options.quick else 9):
        with window(browser, slowdown=SLOWDOWN, script=WATCH_TILES % FIRST) as page:
            page.goto(house.url)
            page.wait_for_function("() => window.benchTiles")
            paints.append(page.evaluate(PAINT))
            tiles.append(page.evaluate("benchTiles"))
            loaded = page.evaluate(LOADED)
    context.report.detail(f"{NAME}.primera_vista", {"pintado": summary(paints), "fichas": summary(tiles)})
    what = f"{FIRST} dispositivos, procesador {SLOWDOWN} veces más lento"
    add(context, f"primer dibujo, {what}", "ms", median(paints), GOALS["paint"])
    add(context, f"todas las fichas en pantalla, {what}", "ms", median(tiles), GOALS["paint"])
    add(context, "lo que se carga para ver la casa, sin comprimir", "kB", loaded / 1000, GOALS["bytes"])
    weigh(context, browser, house)


def weigh(context: Context, browser: Browser, house: House) -> None:
    """Bytes that one visit loads which goes to every screen of a family, and one which sees them all."""
    devices = json.loads(house.client.get("/dispositivos"))
    device = next(d["id"] for d in devices if d["serial_number"].startswith("PLG0"))
    with window(browser) as page:
        for screens, what in ((FAMILY, "todo lo que usa una familia"), (SETUP, "todas las pantallas")):
            for screen in screens:
                page.goto(f"{house.url}#/{screen.format(device)}")
                page.locator("h1:visible").last.wait_for()
                page.wait_for_timeout(SETTLE_MS)
            loaded = page.evaluate(LOADED)
            add(context, f"lo que se carga para ver {what}, sin comprimir", "kB", loaded / 1000, GOALS["bytes"])


def screen(context: Context, browser: Browser, house: House) -> None:
    """From the publication of a value until a frame with it has been drawn."""
    name, wanted = f"Aparato {house.names.index(serial('TMP0', 0))}", 60 if context.options.quick else 300
    with window(browser) as page:
        open_live(page, house, FIRST)
        page.evaluate(WATCH_VALUE, name)
        stamps = {}
        for n in range(1, wanted + 1):
            time.sleep(PACE_S + n % 7 / 200)
            value = 10 + n / 10
            stamps[f"{value:.1f}".replace(".", ",")] = house.say(serial("TMP0", 0), parametros={"temperatura": value})
        page.wait_for_timeout(1000)
        skew, seen = abs(page.evaluate(CLOCK)), page.evaluate("benchSeen")
    if skew > CLOCKS_MS:
        raise BenchError(f"los relojes de la página y del sistema difieren {skew:.0f} ms")
    times = delays(stamps, seen)
    if len(times) < wanted:
        raise BenchError(f"solo {len(times)} de {wanted} valores llegaron a la pantalla")
    found = summary(times)
    context.report.detail(f"{NAME}.publicar_pantalla", found)
    add(context, f"publicar -> pantalla, {FIRST} dispositivos, p50", "ms", found["p50"], GOALS["screen"])
    add(context, f"publicar -> pantalla, {FIRST} dispositivos, p99", "ms", found["p99"])


def delays(stamps: dict[str, float], seen: list[tuple[str, float]]) -> list[float]:
    """ms from each publication until it, or what came after it within the same frame, was on the screen."""
    order = {text: n for n, text in enumerate(stamps)}
    found: list[float] = []
    for text, at in seen:
        place = order.get(text.split()[0], -1)
        found += [at - stamp for stamp in list(stamps.values())[len(found) : place + 1]]
    return found


def large(context: Context, browser: Browser, house: House) -> None:
    """Long tasks of the page's thread while devices all over the house report."""
    for slowdown in (1, SLOWDOWN):
        with window(browser, slowdown=slowdown) as page:
            open_live(page, house, LARGE)
            page.evaluate(WATCH_TASKS)
            said = speak(house, 2 * context.options.seconds, slowdown)
            page.wait_for_timeout(500)
            tasks, drawn = page.evaluate("[benchTasks, benchDrawn]")
            page.evaluate(BUSY)
            page.wait_for_function("n => benchTasks.length > n", arg=len(tasks))  # it would have been seen
        if drawn < 0.5 * said:  # some say what they had said, some come in one frame
            raise BenchError(f"la página solo dibujó {drawn} veces con {said} cambios")
        longest = max(tasks, default=0.0)
        context.report.detail(f"{NAME}.tareas_x{slowdown}", tasks)
        what = f"{LARGE} dispositivos, {LARGE_RATE} cambios/s"
        if slowdown == 1:
            add(context, f"{what}, tarea más larga (0: ninguna de 50 ms)", "ms", longest, GOALS["task"])
        else:
            add(context, f"{what}, lo mismo {slowdown} veces más lento", "ms", longest)


def open_live(page: Page, house: House, count: int) -> None:
    """The house in view, its stream open, its first busy moments over."""
    page.goto(house.url)
    page.wait_for_selector(".conexion[data-estado=vivo]", state="attached")
    page.wait_for_function("n => document.querySelectorAll('iot-ficha').length >= n", arg=count)
    page.wait_for_timeout(2500)


def speak(house: House, seconds: float, shift: int) -> int:
    """Changes by turns, evenly spaced, others than with another ``shift``; how many."""
    talkative = [name for name in house.names if KINDS[name[:4]][1]]
    started = time.monotonic()
    count = int(seconds * LARGE_RATE)
    for n in range(count):
        time.sleep(max(0.0, started + n / LARGE_RATE - time.monotonic()))
        name = talkative[n * 7 % len(talkative)]
        house.say(name, parametros={key: changed(value, n + shift) for key, value in KINDS[name[:4]][1].items()})
    return count


def changed(value: Any, n: int) -> Any:
    return n % 2 == 0 if isinstance(value, bool) else value + n % 97


def add(context: Context, name: str, unit: str, ours: float, goal: float | None = None) -> None:
    text = f"< {goal:g} {unit}" if goal else ""
    context.report.add(Row(NAME, name, unit, ours, goal_text=text, reached=ours < goal if goal else None))
