"""The plain way: what a good student writes in an afternoon, and the reference for the ratios.

    python -m bench.plain_app --puerto 5000 --broker-puerto 1883 --base /tmp/plain.db

Flask's own threaded server; paho's own thread, acknowledging by itself; one ORM session and one COMMIT per message;
SQLite with its default journal and synchronous=FULL; one unbounded queue per SSE client. Same topics, same tables,
same answers as the real backend for the calls that the benchmarks make.
"""

from __future__ import annotations

import argparse
import json
import queue
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as mqtt
from flask import Flask, Response, abort, jsonify
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import JSON, ForeignKey, String, create_engine, event, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

if TYPE_CHECKING:
    from collections.abc import Iterator


class Base(DeclarativeBase):
    """The two tables of the README."""


class Dispositivo(Base):
    __tablename__ = "dispositivo"
    id: Mapped[int] = mapped_column(primary_key=True)
    serial_number: Mapped[str] = mapped_column(String(100), unique=True)
    nombre: Mapped[str] = mapped_column(String(80), default="No definido")
    tipo: Mapped[str] = mapped_column(String(50), default="generico")
    modelo: Mapped[str] = mapped_column(String(100), default="desconocido")
    descripcion: Mapped[str] = mapped_column(String(255), default="")
    estado: Mapped[str] = mapped_column(String(20), default="desconocido")
    parametros: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    configuracion: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    reclamado: Mapped[bool] = mapped_column(default=False)

    def to_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "serial_number": self.serial_number,
            "nombre": self.nombre,
            "tipo": self.tipo,
            "modelo": self.modelo,
            "descripcion": self.descripcion,
            "estado": self.estado,
            "parametros": self.parametros,
            "configuracion": self.configuracion,
            "reclamado": self.reclamado,
        }


class EstadoLog(Base):
    __tablename__ = "estado_log"
    id: Mapped[int] = mapped_column(primary_key=True)
    dispositivo_id: Mapped[int] = mapped_column(ForeignKey("dispositivo.id"))
    estado: Mapped[str] = mapped_column(String(20))
    parametros: Mapped[dict[str, Any]] = mapped_column(JSON)
    timestamp: Mapped[datetime]


class PlainApp:
    """State shared by the MQTT callback and the routes."""

    def __init__(self, database: str) -> None:
        self.engine = create_engine(f"sqlite:///{database}")
        event.listen(self.engine, "connect", full_sync)
        Base.metadata.create_all(self.engine)
        self.clients: list[queue.Queue[str]] = []
        self.lock = threading.Lock()

    def on_connect(self, client: mqtt.Client, *_: Any) -> None:
        client.subscribe([("dispositivos/estado", 1), ("dispositivos/+/estado", 1)])

    def on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        self.broadcast(self.store(json.loads(message.payload)))

    def store(self, report: dict[str, Any]) -> dict[str, Any]:
        """One message, one transaction."""
        with Session(self.engine) as session:
            serial = report["serial_number"]
            device = session.scalar(select(Dispositivo).where(Dispositivo.serial_number == serial))
            if device is None:
                device = Dispositivo(serial_number=serial)
                session.add(device)
            device.estado = report.get("estado") or device.estado
            device.parametros = report.get("parametros") or device.parametros
            device.configuracion = report.get("configuracion") or device.configuracion
            session.flush()
            session.add(
                EstadoLog(
                    dispositivo_id=device.id,
                    estado=device.estado,
                    parametros=device.parametros,
                    timestamp=datetime.now(UTC),
                )
            )
            session.commit()
            return device.to_dict()

    def broadcast(self, device: dict[str, Any]) -> None:
        frame = f"data: {json.dumps({**device, 'event': 'device_update'}, ensure_ascii=False)}\n\n"
        with self.lock:
            for client in self.clients:
                client.put(frame)

    def stream(self) -> Iterator[str]:
        mine: queue.Queue[str] = queue.Queue()
        with self.lock:
            self.clients.append(mine)
        try:
            yield "event: hello\ndata: {}\n\n"
            while True:
                try:
                    yield mine.get(timeout=15)
                except queue.Empty:
                    yield "event: ping\ndata: {}\n\n"
        finally:
            with self.lock:
                self.clients.remove(mine)


def full_sync(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=FULL")


def create_app(plain: PlainApp) -> Flask:
    app = Flask(__name__)

    @app.get("/dispositivos")
    def listar() -> Response:
        with Session(plain.engine) as session:
            return jsonify([device.to_dict() for device in session.scalars(select(Dispositivo))])

    @app.get("/dispositivos/<int:device_id>")
    def obtener(device_id: int) -> Response:
        with Session(plain.engine) as session:
            device = session.get(Dispositivo, device_id)
            return jsonify(device.to_dict()) if device else abort(404)

    @app.get("/stream/dispositivos")
    def stream() -> Response:
        return Response(plain.stream(), mimetype="text/event-stream")

    return app


def main() -> None:
    parser = argparse.ArgumentParser(description="La referencia sencilla de las pruebas de rendimiento.")
    parser.add_argument("--puerto", type=int, required=True)
    parser.add_argument("--broker-puerto", type=int, required=True)
    parser.add_argument("--base", required=True)
    args = parser.parse_args()
    plain = PlainApp(args.base)
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bench-plain")
    client.on_connect = plain.on_connect
    client.on_message = plain.on_message
    client.connect("127.0.0.1", args.broker_puerto)
    client.loop_start()
    create_app(plain).run(host="127.0.0.1", port=args.puerto, threaded=True)


if __name__ == "__main__":
    main()
