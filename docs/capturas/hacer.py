#!/usr/bin/env python3
"""Makes the pictures of this folder again from the running program: `.venv/bin/python docs/capturas/hacer.py [which]`.

Starts the real backend with its demo house in a temporary folder, keeps what the terminal shows, and photographs it
the documentation page and the screens of the page (`pagina.py`) with Chromium. `casa.svg` is drawn by hand and stays.
"""

# ruff: noqa: S310, T201, TID251 - a script on its own, which prints and waits

from __future__ import annotations

import contextlib
import html
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
WAIT_S = 30.0
DEMO_LIVES_S = 25.0  # until everybody has spoken, rooms and scenes are there and the first orders are answered
EVENT_END = 'Z"}\n\n'

PAGE = """<!doctype html><meta charset="utf-8"><style>
body{margin:0;padding:24px;background:#e9eeee;font:15px/1.45 "DejaVu Sans Mono",ui-monospace,monospace}
section{background:#14201f;color:#dfe9e8;border-radius:12px;padding:14px 22px 20px;margin-bottom:20px;
box-shadow:0 6px 24px #0003} section:last-child{margin-bottom:0}
i{display:inline-block;width:11px;height:11px;border-radius:50%;background:#3d4f4d;margin:0 7px 12px 0}
b{color:#63c7cf;font-weight:400} pre{margin:0;white-space:pre-wrap;word-break:break-all;font:inherit}
</style>"""


def main(argv: list[str]) -> int:
    """Make all pictures, or those named (terminal, docs, pagina); 1 when this machine has no Chromium or Playwright."""
    browser = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    if browser is None:
        print("Falta Chromium:  sudo apt install chromium", file=sys.stderr)
        return 1
    wanted = set(argv) or {"terminal", "docs", "pagina"}
    with tempfile.TemporaryDirectory() as folder:
        if wanted & {"terminal", "docs"}:
            from_outside(browser, Path(folder) / "fuera", wanted)
        if "pagina" in wanted:
            return from_inside(browser, Path(folder) / "dentro")
    return 0


@contextlib.contextmanager
def demo(work: Path) -> Iterator[tuple[int, int]]:
    """The demo house at work, its output in `iot.txt`; the ports of HTTP and MQTT."""
    http, mqtt = free_port(5000), free_port(1883)
    env = {k: v for k, v in os.environ.items() if not k.startswith("IOT_")} | {
        "IOT_INSTANCE_PATH": str(work / "instance"),
        "IOT_BACKEND_PORT": str(http),
        "IOT_MQTT_BROKER_PORT": str(mqtt),
        "PYTHONUNBUFFERED": "1",
    }
    work.mkdir(exist_ok=True)
    backend = start([sys.executable, "run.py", "--demo"], env, work / "iot.txt")
    try:
        wait_for(work / "iot.txt", "Datos ")
        yield http, mqtt
    finally:
        end(backend)


def from_outside(browser: str, work: Path, wanted: set[str]) -> None:
    """What a terminal and the page of the API show."""
    with demo(work) as (http, mqtt):
        stream = "http://127.0.0.1:{}/stream/dispositivos?reclamado=true"
        reader = start(["curl", "-sN", stream.format(http)], dict(os.environ), work / "sse.txt")
        try:
            wait_for(work / "sse.txt", EVENT_END)
        finally:
            end(reader)

        def text(name: str) -> str:
            """What a person at home would have seen: the usual ports, the project's own folder."""
            found = (work / name).read_text()
            for real, usual in ((str(work), "~/iot"), (str(http), "5000"), (str(mqtt), "1883")):
                found = found.replace(real, usual)
            return found

        banner = text("iot.txt").partition("\n20")[0].strip("\n")
        event = text("sse.txt").partition(EVENT_END)[0] + EVENT_END.rstrip()
        page = work / "terminal.html"
        page.write_text(PAGE + pane("./iot --demo", banner) + pane(f'curl -N "{stream.format(5000)}"', event))
        if "terminal" in wanted:
            shoot(browser, page.as_uri(), HERE / "terminal.png", 1060, 848, work)
        if "docs" in wanted:
            shoot(browser, f"http://127.0.0.1:{http}/docs", HERE / "docs.png", 1280, 860, work)


def from_inside(browser: str, work: Path) -> int:
    """What the page shows."""
    try:
        import pagina
    except ImportError as error:
        print(f"Falta {error.name}:  ./iot test --version  lo instala", file=sys.stderr)
        return 1
    pagina.remember(work / "instance" / "iot.db")
    with demo(work) as (http, _):
        time.sleep(DEMO_LIVES_S)
        pagina.photograph(browser, f"http://127.0.0.1:{http}")
    return 0


def end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    process.wait(15)


def free_port(usual: int) -> int:
    """The usual port if nobody has it, else one that was free a moment ago."""
    for wanted in (usual, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("0.0.0.0", wanted))
                return int(probe.getsockname()[1])
    raise SystemExit("no queda ningún puerto libre")


def start(argv: list[str], env: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Run a command in the project's folder with its output in a file."""
    with log.open("wb") as out:
        return subprocess.Popen(argv, cwd=ROOT, env=env, stdout=out, stderr=subprocess.STDOUT)


def wait_for(log: Path, words: str) -> None:
    """Return when the file says so."""
    deadline = time.monotonic() + WAIT_S
    while words not in log.read_text():
        if time.monotonic() > deadline:
            raise SystemExit(f"no apareció «{words}»:\n{log.read_text()}")
        time.sleep(0.1)


def pane(command: str, output: str) -> str:
    """A terminal window with one command and what it printed."""
    return f"<section><i></i><i></i><i></i><pre><b>$ {html.escape(command)}</b>\n{html.escape(output)}</pre></section>"


def shoot(browser: str, url: str, target: Path, width: int, height: int, work: Path) -> None:
    """Photograph a page."""
    urllib.request.urlopen(url, timeout=10).close()
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    flags += ["--hide-scrollbars", "--force-color-profile=srgb", f"--user-data-dir={work / 'chromium'}"]
    flags += [f"--window-size={width},{height}", f"--screenshot={target}"]
    subprocess.run([browser, *flags, url], check=True, capture_output=True, timeout=60)
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
