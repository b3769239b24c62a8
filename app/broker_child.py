"""A broker that is our own child process: started, watched, started again when it dies, ended with us."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import select
import signal
import socket
import subprocess
import threading
from abc import abstractmethod
from collections import deque
from pathlib import Path
from typing import IO, TYPE_CHECKING

from app.broker_base import Broker, BrokerError, BrokerInfo, probe
from app.broker_orphan import end_orphan, forget_pid, write_pid

if TYPE_CHECKING:
    from app.clock import Clock

log = logging.getLogger(__name__)

_ROOT = Path(__file__).resolve().parents[1]
_READY_S = 10.0  # a start takes 0.1 s; with half a million queued messages 0.7 s
_STOP_S = 4.0  # writing half a million queued messages takes 0.5 s
_DELAY_MIN_S, _DELAY_MAX_S = 0.5, 30.0
_HEALTHY_S = 60.0  # a life this long makes the next delay short again
_TICK_S = 1.0
_LINE_MAX = 500
_LINES_KEPT = 20
_LINES_PER_TICK = 20  # more lines than this in one second are counted, not logged


class ChildBroker(Broker):
    """Supervision, the same for every program. A subclass says what to run and how to prepare it."""

    def __init__(self, info: BrokerInfo, folder: Path, *, listen_host: str, clock: Clock) -> None:
        super().__init__(info, clock=clock)
        self.folder = folder
        self._listen_host = listen_host
        self._guard = threading.Lock()  # covers _process and the decision to stop
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._locked: IO[bytes] | None = None
        self._lines: deque[str] = deque(maxlen=_LINES_KEPT)
        self._muted = 0

    # --- for subclasses -----------------------------------------------------------------------------------------------
    @abstractmethod
    def _command(self) -> list[str]:
        """What to run; one argument is a mark of the folder, by which an orphan is recognised (broker_orphan.marks)."""

    def _prepare(self) -> None:
        """Before each start: write files."""

    def _feed(self, process: subprocess.Popen[bytes]) -> None:
        """After each start: hand secrets over by the standard input, if it was asked for."""

    def _tick(self, process: subprocess.Popen[bytes]) -> None:
        """About once a second, from its first answer on."""

    def _mend(self, lines: list[str]) -> bool:  # noqa: ARG002
        """After a death that nobody asked for; `lines` is the last it said. True = the cause is gone, start at once."""
        return False

    def _log_line(self, line: str) -> None:
        log.debug("broker: %s", line)

    wants_stdin = False

    # --- the life of the supervisor -----------------------------------------------------------------------------------
    def start(self) -> None:
        if self._thread is not None:
            return
        self.restarts = 0
        make_folder(self.folder)
        self._locked = lock_folder(self.folder)
        try:
            end_orphan(self.folder, clock=self._clock)
            check_port(self._listen_host, self.info.port)
            self._prepare()
            self._stopping.clear()
            # The thread that starts the child must live as long as the child: on Linux "the parent died" means it.
            self._thread = threading.Thread(target=self._supervise, name="broker", daemon=True)
            self._thread.start()
            self._wait_ready()
        except OSError as error:
            self.stop()
            raise cannot_use(self.folder, error) from error
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        with self._guard:  # start() may give up in another thread at the same time
            self._stopping.set()
            process, thread, locked = self._process, self._thread, self._locked
            self._thread = self._locked = None
        if process is not None:
            process.terminate()
        if thread is not None:
            _end(thread, process)
        if locked is not None:
            locked.close()
        self._forget_answer()

    @property
    def pid(self) -> int | None:
        """The child that lives now."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def _answers(self, timeout: float) -> bool:
        if self.pid is None:
            return False
        user, password = self.credentials or (None, None)
        return probe(self.info.host, self.info.port, username=user, password=password, timeout=timeout).ok

    def _wait_ready(self) -> None:
        deadline = self._clock.monotonic() + _READY_S
        while self._clock.monotonic() < deadline:
            if self._stopping.is_set():
                raise BrokerError("broker_parado", "el broker se detuvo mientras arrancaba")
            if self.restarts:
                raise BrokerError("broker_no_arranca", f"{self.info.descripcion} no arranca: {self._last_words()}")
            if self.pid is not None and self._answers(1.0):
                return
            self._stopping.wait(0.01)
        raise BrokerError("broker_no_contesta", f"{self.info.descripcion} no contesta después de {_READY_S:g} s")

    def _last_words(self) -> str:
        said = [line for line in self._lines if "should not be run as root" not in line]
        return "; ".join(said[-3:]) or "no dijo por qué"

    def _supervise(self) -> None:
        delay = _DELAY_MIN_S
        while not self._stopping.is_set():
            born = self._clock.monotonic()
            code = self._live_once()
            if self._stopping.is_set():
                return
            if self._mend(list(self._lines)):
                continue
            self.restarts += 1
            delay = _DELAY_MIN_S if self._clock.monotonic() - born > _HEALTHY_S else delay
            log.error("el broker terminó (%s): %s; otro en %g s", _cause(code), self._last_words(), delay)
            self._stopping.wait(delay)
            delay = min(delay * 2, _DELAY_MAX_S)
            self._prepare_again()

    def _prepare_again(self) -> None:
        try:
            self._prepare()
        except OSError as error:  # a full disk, say: what the first start wrote is still there
            log.error("no se pudo preparar el broker (%s); se intenta con lo que hay", error.strerror)

    def _live_once(self) -> int | None:
        """One life of the child, from start to its last word. None when it could not even be started."""
        try:
            process = self._spawn()
        except OSError as error:
            self._lines.append(error.strerror or str(error))
            return None
        if process is None:
            return None
        try:
            with contextlib.suppress(OSError):  # it died at once: its code tells
                self._feed(process)
            self._listen(process)
            return process.wait()
        finally:
            self._bury(process)

    def _spawn(self) -> subprocess.Popen[bytes] | None:
        with self._guard:
            if self._stopping.is_set():
                return None
            self._process = process = subprocess.Popen(
                self._command(),
                stdin=subprocess.PIPE if self.wants_stdin else subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                cwd=_ROOT,
                start_new_session=True,  # Ctrl-C in the terminal is for the backend, which ends its broker last
            )
        with contextlib.suppress(OSError):  # a full disk: the orphan hunt is a net, not the way it normally ends
            write_pid(self.folder, process.pid)
        return process

    def _bury(self, process: subprocess.Popen[bytes]) -> None:
        """No zombie, no open pipe, no pid file."""
        with self._guard:
            self._process = None
        if process.poll() is None:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        with contextlib.suppress(OSError):
            forget_pid(self.folder)

    # --- what it says -------------------------------------------------------------------------------------------------
    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        """Read its standard error until it ends; every second there is a tick."""
        assert process.stderr is not None
        fd = process.stderr.fileno()
        waiter = select.poll()
        waiter.register(fd, select.POLLIN | select.POLLHUP)
        partial, room, next_tick, answered = b"", _LINES_PER_TICK, self._clock.monotonic() + _TICK_S, False
        while True:
            wait_s = max(0.0, next_tick - self._clock.monotonic())
            if waiter.poll(wait_s * 1000):
                chunk = os.read(fd, 4096)
                if not chunk:
                    return
                *lines, partial = (partial + chunk)[-8192:].split(b"\n")
                room = self._hear(lines, room)
            if self._clock.monotonic() >= next_tick:
                room, next_tick = self._new_second(), self._clock.monotonic() + _TICK_S
                answered = answered or self._answers(_TICK_S)
                if answered:  # not before: a signal that it does not handle yet would end it
                    self._tick(process)

    def _hear(self, lines: list[bytes], room: int) -> int:
        """Log the lines while there is room; the room left."""
        for raw in lines:
            line = "".join(c if c.isprintable() else "?" for c in raw.decode(errors="replace"))[:_LINE_MAX]
            self._lines.append(line)
            if room > 0:
                self._log_line(line)
            else:
                self._muted += 1
            room -= 1
        return room

    def _new_second(self) -> int:
        if self._muted:
            log.warning("el broker dijo %d líneas más en un segundo; no se apuntan", self._muted)
            self._muted = 0
        return _LINES_PER_TICK


def _cause(code: int | None) -> str:
    if code is None:
        return "no se pudo ejecutar"
    return signal.Signals(-code).name if code < 0 else f"código {code}"


def _end(thread: threading.Thread, process: subprocess.Popen[bytes] | None) -> None:
    thread.join(_STOP_S)
    if thread.is_alive() and process is not None:
        log.warning("el broker no terminó en %g s; se le corta", _STOP_S)
        process.kill()
        thread.join(1.0)


def make_folder(folder: Path) -> None:
    """The broker's folder, for this user only. Raises `BrokerError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise cannot_use(folder, error) from error


def cannot_use(folder: Path, error: OSError) -> BrokerError:
    """The folder is not ours, the disk is full or broken."""
    return BrokerError(
        "broker_carpeta", f"no se puede usar la carpeta {folder} para el broker: {error.strerror or error}"
    )


def lock_folder(folder: Path) -> IO[bytes]:
    """Hold the folder against another backend until the file is closed or this process ends. Raises `BrokerError`."""
    try:
        handle = os.fdopen(os.open(folder / "candado", os.O_WRONLY | os.O_CREAT, 0o600), "wb")
    except OSError as error:
        raise cannot_use(folder, error) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.close()
        raise BrokerError(
            "broker_en_uso",
            f"otro backend ya tiene en marcha el broker de {folder}; deténgalo o use otra carpeta (IOT_INSTANCE_PATH)",
        ) from error
    return handle


def check_port(host: str, port: int) -> None:
    """Raise a `BrokerError` that says what to do when a listener cannot be had there."""
    try:
        info = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(info[0], socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if info[0] == socket.AF_INET6:
                trial.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            trial.bind(info[4])
    except OSError as error:
        raise _port_error(host, port, error) from error


def _port_error(host: str, port: int, error: OSError) -> BrokerError:
    if error.errno == errno.EADDRINUSE:
        return port_taken(host, port)
    if error.errno == errno.EACCES:
        return BrokerError(
            "broker_puerto_prohibido",
            f"este usuario no puede escuchar en el puerto {port}; ponga MQTT_BROKER_PORT en 1024 o más",
        )
    return BrokerError(
        "broker_direccion",
        f"no se puede escuchar en {host}:{port} ({error.strerror or error}); revise MQTT_LISTEN_HOST",
    )


def port_taken(host: str, port: int) -> BrokerError:
    """The port belongs to a program that is not an MQTT broker."""
    return BrokerError(
        "broker_puerto_ocupado",
        f"el puerto {port} de {host} lo ocupa otro programa que no es un broker MQTT; "
        "deténgalo o ponga otro puerto en MQTT_BROKER_PORT",
    )
