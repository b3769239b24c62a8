"""Fixtures that give a test real parts, and guards over the whole suite.

Guards: a time limit for each test, no thread and no child process left behind, no traceback in a backend's log.
``IOT_TEST_REQUIRE_ALL=1`` (CI) turns a missing tool or right into a failure instead of a skip.
"""

from __future__ import annotations

import itertools
import os
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.backend import Backend
from tests.support.broker import Mosquitto
from tests.support.http import Http
from tests.support.mqtt import Cliente
from tests.support.procesos import children_of, wait_until

pytest_plugins = ["tests.support.paralelo"]

HERE = Path(__file__).parent
BLACK_BOX = ("contract", "hostile", "e2e", "migrations", "pagina")
TEST_SECONDS = 60


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Black-box tests time out by signal, so that their fixtures still end what they started."""
    for item in items:
        folder = item.path.relative_to(HERE).parts[0]
        if folder not in BLACK_BOX:
            continue
        if folder != "migrations":
            item.add_marker(getattr(pytest.mark, folder))
        marker = item.get_closest_marker("timeout")
        seconds = marker.args[0] if marker and marker.args else TEST_SECONDS
        item.add_marker(pytest.mark.timeout(seconds, method="signal"), append=False)


# --- guards -----------------------------------------------------------------------------------------------------------
@pytest.fixture(autouse=True)
def no_leaked_threads(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test may not leave a thread running."""
    before = set(threading.enumerate())
    yield
    if request.path.relative_to(HERE).parts[0] in BLACK_BOX:
        wait_until(lambda: threads() <= before, 5, f"threads left: {threading.enumerate()}")


def threads() -> set[threading.Thread]:
    """Those that run, without the helpers of an event loop (Playwright's), which end with it."""
    return {thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")}


@pytest.fixture(scope="module", autouse=True)
def no_leaked_children() -> Iterator[None]:
    """A module may not leave a child process running."""
    before = set(children_of(os.getpid()))
    yield
    left = {pid: cmd for pid, cmd in children_of(os.getpid()).items() if pid not in before}
    assert not left, f"child processes left: {left}"


# --- parts ------------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    """Makes brokers and backends that live as long as the module."""
    with ExitStack() as stack:
        yield Parts(stack, tmp_path_factory)


@pytest.fixture
def own_parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    """Makes brokers and backends that live as long as the test."""
    with ExitStack() as stack:
        yield Parts(stack, tmp_path_factory)


class Parts:
    """A maker of real parts; whatever it made is stopped (and its log checked) at the end."""

    def __init__(self, stack: ExitStack, folders: pytest.TempPathFactory) -> None:
        self._stack, self._folders = stack, folders

    def folder(self, name: str = "casa") -> Path:
        return self._folders.mktemp(name)

    def mosquitto(self, *, start: bool = True, **kw: Any) -> Mosquitto:
        broker = Mosquitto(self.folder("broker"), **kw)
        self._stack.callback(broker.stop)
        return broker.start() if start else broker

    def backend(self, broker: Mosquitto | None = None, *, start: bool = True, **settings: Any) -> Backend:
        if broker is not None:
            settings["mqtt_port"] = broker.port
        backend = Backend(self.folder(), **settings)
        self._stack.callback(backend.kill)
        self._stack.callback(backend.stop)
        return backend.start() if start else backend

    def client(self, backend: Backend, *args: Any, **kw: Any) -> Cliente:
        return self._stack.enter_context(Cliente(backend.mqtt_port, *args, **kw))


@pytest.fixture(scope="module")
def mosquitto(parts: Parts) -> Mosquitto:
    """A Mosquitto of the module's own."""
    return parts.mosquitto()


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    """Settings of the module's backend; a module overrides this fixture."""
    return {}


@pytest.fixture(scope="module")
def backend(parts: Parts, mosquitto: Mosquitto, settings: dict[str, Any]) -> Backend:
    """A running backend on the module's Mosquitto."""
    return parts.backend(mosquitto, **settings)


@pytest.fixture
def http(backend: Backend) -> Http:
    return backend.http


@pytest.fixture
def mqtt(backend: Backend) -> Iterator[Cliente]:
    """A connected client of the module's broker."""
    with Cliente(backend.mqtt_port) as client:
        yield client


_numbers = itertools.count(1)


@pytest.fixture
def serial() -> str:
    """A serial number nobody else uses."""
    return new_serial()


@pytest.fixture
def serials() -> Callable[[], str]:
    return new_serial


def new_serial() -> str:
    return f"PRB{secrets.token_hex(3).upper()}{next(_numbers)}"


@pytest.fixture
def detectar(backend: Backend, mqtt: Cliente) -> Callable[..., dict[str, Any]]:
    """Make a device appear by reporting; the device as the API then shows it."""

    def detect(serial_number: str | None = None, **fields: Any) -> dict[str, Any]:
        serial_number = serial_number or new_serial()
        mqtt.publish("dispositivos/estado", {"serial_number": serial_number, **fields})
        return backend.wait_device(serial_number)

    return detect
