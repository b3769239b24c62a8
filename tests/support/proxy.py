"""A TCP proxy with a bad character: it cuts connections, holds bytes back and flips them, on demand or by chance."""

from __future__ import annotations

import asyncio
import random
import threading
from concurrent.futures import Future
from typing import Any

from tests.support.procesos import free_port


class Proxy:
    """Stands before ``port``. ``cut`` resets every connection; ``flip`` spoils the next byte that goes upstream. While
    it is ``away`` there is nobody; while it is ``silent`` it keeps every byte, in both directions, and tells nobody."""

    def __init__(self, port: int, *, latency: float = 0.0, seed: int = 1) -> None:
        self.target, self.port, self.latency = port, free_port(), latency
        self.connections = 0
        self.away = self.silent = False
        self._chance = random.Random(seed)
        self._writers: set[asyncio.StreamWriter] = set()
        self._flip = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")

    def __enter__(self) -> Proxy:
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._serve, "127.0.0.1", self.port)).result(10)
        return self

    def __exit__(self, *exc: object) -> None:
        self._do(self._stop()).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def cut(self) -> None:
        """Reset every connection now."""
        self._loop.call_soon_threadsafe(self._cut)

    def flip(self) -> None:
        """Spoil one byte of what the backend's side sends next."""
        self._flip = True

    def _do(self, work: Any) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _cut(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _stop(self) -> None:
        self._server.close()
        self._cut()
        others = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.away:
            writer.transport.abort()
            return
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, there_writer}
        up, down = self._pump(reader, there_writer, spoil=True), self._pump(there_reader, writer, spoil=False)
        try:
            await asyncio.gather(up, down)
        finally:
            for end in (writer, there_writer):
                self._writers.discard(end)
                end.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, spoil: bool) -> None:
        try:
            while data := await source.read(65536):
                while self.silent:  # noqa: ASYNC110 - another thread says when
                    await asyncio.sleep(0.02)
                if self.latency:
                    await asyncio.sleep(self.latency)
                if spoil and self._flip:
                    self._flip = False
                    place = self._chance.randrange(len(data))
                    data = data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :]
                sink.write(data)
                await sink.drain()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            sink.transport.abort()
