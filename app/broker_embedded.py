"""The embedded broker: amqtt 0.12.1 with guards, in a process of its own. For trying things out.

``python -m app.broker_embedded FOLDER HOST PORT PARENT_PID``; the first line of standard input is a JSON object with
``username``, ``password`` and ``client_id`` of the backend; when standard input ends, so does the broker.
app/broker_amqtt.py starts it; nobody else imports this module, so that the backend never loads amqtt.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import os
import resource
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from amqtt.broker import Broker, RetainedApplicationMessage, Server  # type: ignore[import-untyped]
from amqtt.contexts import BrokerConfig  # type: ignore[import-untyped]
from amqtt.mqtt.connack import NOT_AUTHORIZED, ConnackPacket  # type: ignore[import-untyped]
from amqtt.plugins.base import BaseAuthPlugin  # type: ignore[import-untyped]

from app.broker_exec import die_with_parent

if TYPE_CHECKING:
    from amqtt.adapters import ReaderAdapter, WriterAdapter  # type: ignore[import-untyped]
    from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler  # type: ignore[import-untyped]
    from amqtt.session import OutgoingApplicationMessage, Session  # type: ignore[import-untyped]

KEPT_MAX = 50_000  # messages kept for the absent backend; the newest are refused after that
_CHUNK = 500  # kept messages in flight at once when it comes back
_MEMORY = 1 << 30  # amqtt bounds none of its queues: past this it dies and is started again

log = logging.getLogger(__name__)


class Access(BaseAuthPlugin):  # type: ignore[misc]
    """Anybody may come in; only the backend, by its password, with its client id and a session that is kept."""

    @dataclass
    class Config:
        """Filled in by `configuration`."""

        username: str = ""
        password: str = ""
        client_id: str = ""

    async def authenticate(self, *, session: Session) -> bool:
        known = self.config
        if session.client_id != known.client_id:
            session.is_anonymous = True  # amqtt's word for: forget it when it leaves
            return True
        # An impostor is handed the kept session itself: leave no mark on it.
        return session.username == known.username and _same(session.password, known.password)


class GuardedBroker(Broker):  # type: ignore[misc]
    """amqtt with what it gets wrong put right (each point seen in 0.12.1).

    - It hands a client that comes in the retained messages of everybody's subscriptions: see
      `_publish_retained_messages_for_subscription`.
    - It lets a client take over or wipe a session before it has looked at the password: `_handle_client_session`,
      `_delete_session`.
    - It forgets what was sent and not acknowledged when the connection ends or after 5 s: `_publish_or_keep`.
    - It marks what it kept for an absent session as retained: `_publish_session_retained_messages`.
    """

    def __init__(self, config: dict[str, Any], *, backend_id: str) -> None:
        super().__init__(BrokerConfig.from_dict(config))
        self._backend_id = backend_id
        self._dropped = 0

    # --- retained messages --------------------------------------------------------------------------------------------
    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Session
    ) -> None:
        if any(holder.client_id == session.client_id for holder, _ in self._subscriptions.get(subscription[0], ())):
            await super()._publish_retained_messages_for_subscription(subscription, session)

    # --- who may have the backend's session ---------------------------------------------------------------------------
    async def _delete_session(self, client_id: str) -> None:
        if client_id != self._backend_id:
            await super()._delete_session(client_id)

    async def _handle_client_session(
        self,
        reader: ReaderAdapter,
        writer: WriterAdapter,
        client_session: Session,
        handler: BrokerProtocolHandler,
        server: Server,
        listener_name: str,
    ) -> None:
        if not await self._authenticate(client_session, self.listeners_config[listener_name]):
            await ConnackPacket.build(0, NOT_AUTHORIZED).to_stream(writer)
            await writer.close()
            return
        if client_session.client_id == self._backend_id:
            self._keep_what_fails(handler, client_session)
        await super()._handle_client_session(reader, writer, client_session, handler, server, listener_name)

    # --- the backend's messages ---------------------------------------------------------------------------------------
    def _keep_what_fails(self, handler: BrokerProtocolHandler, session: Session) -> None:
        send = handler.mqtt_publish

        async def publish_or_keep(
            topic: str, data: bytes | bytearray, qos: int | None, retain: bool, ack_timeout: int | None = None
        ) -> OutgoingApplicationMessage:
            try:
                sent: OutgoingApplicationMessage = await send(topic, data, qos, retain, ack_timeout)
                return sent
            except BaseException:  # connection gone, not acknowledged in time, or cancelled by either
                if qos:
                    self._keep(session, topic, data, qos)
                raise

        handler.mqtt_publish = publish_or_keep

    def _keep(self, session: Session, topic: str, data: bytes | bytearray, qos: int) -> None:
        if session.retained_messages.qsize() >= KEPT_MAX:
            self._dropped += 1
            if self._dropped % 1000 == 1:
                log.warning("%d messages for the absent backend dropped", self._dropped)
            return
        session.retained_messages.put_nowait(RetainedApplicationMessage(None, topic, data, qos))

    async def _retain_broadcast_message(self, broadcast: dict[str, Any], qos: int, target_session: Session) -> None:
        self._keep(target_session, broadcast["topic"], broadcast["data"], qos)

    async def _publish_session_retained_messages(self, session: Session) -> None:
        """Send what was kept, in order and a few at a time; what fails is kept again."""
        handler = self._get_handler(session)
        waiting = session.retained_messages
        for _ in range(0, waiting.qsize(), _CHUNK):
            batch = [waiting.get_nowait() for _ in range(min(_CHUNK, waiting.qsize()))]
            if handler is not None and batch:
                sends = [handler.mqtt_publish(m.topic, m.data, m.qos, retain=False) for m in batch]
                await asyncio.gather(*sends, return_exceptions=True)


def configuration(host: str, port: int, backend: dict[str, str]) -> dict[str, Any]:
    """amqtt's configuration: one listener, our access rule, no $SYS."""
    return {
        "listeners": {"default": {"type": "tcp", "bind": f"{host}:{port}"}},
        "plugins": {"app.broker_embedded.Access": backend},
    }


async def serve(host: str, port: int, backend: dict[str, str]) -> None:
    """Run until SIGTERM or the end of standard input."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    loop.add_reader(sys.stdin, ended.set)  # nothing more is ever sent: readable means closed, our parent is gone
    broker = GuardedBroker(configuration(host, port, backend), backend_id=backend["client_id"])
    await broker.start()
    await ended.wait()
    os._exit(0)  # nothing is kept: amqtt's own shutdown would take seconds to forget it


def main(argv: list[str]) -> None:
    _folder, host, port, parent = argv[1:5]  # the folder only marks whose process this is
    die_with_parent(int(parent))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    backend = json.loads(sys.stdin.readline())
    asyncio.run(serve(host, int(port), backend))


def _same(given: str | None, wanted: str) -> bool:
    return hmac.compare_digest((given or "").encode(), wanted.encode())


if __name__ == "__main__":
    main(sys.argv)
