"""`./iot dispositivo`: broker credentials of devices, by the running program or else in the database itself."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from app import credenciales, secretos
from app.broker_acl import acl_text, password_hash, password_text
from app.cerrojo import InstanceBusyError, only_one
from app.cli_casa import SILENT, OrderFailed, running
from app.clock import Clock
from app.db import Database
from app.domain.causa import Causa
from app.domain.errors import DatosInvalidos, DomainError
from app.migrations import DatabaseFault, migrate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Connection

    from app.config_load import Settings
    from app.db import UnitOfWork

_T = TypeVar("_T")
_CONSOLE = Causa("sistema", quien="consola")
_PLACE = "/etc/mosquitto"


def credencial(settings: Settings, serial: str) -> int:
    """Give a device a user and a new password, and print them; the exit code."""
    return _explained(lambda: _credencial(settings, serial))


def revocar(settings: Settings, serial: str) -> int:
    """Take a device's user back; the exit code."""
    return _explained(lambda: _revocar(settings, serial))


def listar(settings: Settings, *, as_json: bool) -> int:
    """Print the devices that have one; the exit code."""
    return _explained(lambda: _listar(settings, as_json=as_json))


def acl(settings: Settings, *, anonymous: bool) -> int:
    """Print what a Mosquitto that somebody else runs must be given; the exit code."""
    return _explained(lambda: _acl(settings, anonymous=anonymous))


def _explained(action: Callable[[], None]) -> int:
    try:
        action()
    except DatosInvalidos as error:
        print("; ".join(f"{e.campo}: {e.mensaje}" for e in error.errores) or error.mensaje, file=sys.stderr)
        return 1
    except (OrderFailed, DomainError, DatabaseFault) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _credencial(settings: Settings, serial: str) -> None:
    credenciales.check_user_name(serial)
    secreto = secretos.new_password()
    detalle = "Contará en cuanto el programa arranque su Mosquitto."
    try:
        _write(settings, lambda uow: credenciales.crear(uow, serial, secreto))
    except InstanceBusyError:
        made = _ask(settings, "POST", f"/dispositivos/{_id_of(settings, serial)}/credencial")
        secreto, detalle = str(made["clave"]), f"{made['detalle']}."
    print(f"Usuario:     {serial}")
    print(f"Contraseña:  {secreto}")
    print(f"Apúntela ahora: no se vuelve a enseñar. {detalle}")


def _revocar(settings: Settings, serial: str) -> None:
    try:
        _write(settings, lambda uow: credenciales.revocar(uow, serial))
    except InstanceBusyError:
        _ask(settings, "DELETE", f"/dispositivos/{_id_of(settings, serial)}/credencial")
    print(f"{serial} ya no tiene usuario en el broker.")


def _listar(settings: Settings, *, as_json: bool) -> None:
    found = [each.as_object() for each in _read(settings, credenciales.listar)]
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
    for each in () if as_json else found:
        print(f"{each['serial_number']}  desde {each['creado_en']}")
    if not found and not as_json:
        print("Ningún dispositivo tiene usuario propio en el broker.")


def _write(settings: Settings, action: Callable[[UnitOfWork], object]) -> None:
    """In the database, while nobody else has the house. Raises InstanceBusyError."""
    _demand_database(settings)
    with only_one(settings.instance_path):
        clock = Clock()
        migrate(settings.database_path, clock.now())
        database = _database(settings, clock)
        try:
            with database.unit_of_work(_CONSOLE) as uow:
                action(uow)
        finally:
            database.close()


def _read(settings: Settings, action: Callable[[Connection], _T]) -> _T:
    _demand_database(settings)
    database = _database(settings, Clock())
    try:
        with database.reader() as conn:
            return action(conn)
    finally:
        database.close()


def _database(settings: Settings, clock: Clock) -> Database:
    return Database(settings.sqlalchemy_database_uri, settings.instance_path, clock, lambda _events: None)


def _demand_database(settings: Settings) -> None:
    if not settings.database_path.is_file():
        raise OrderFailed(f"Todavía no hay base de datos en {settings.database_path}: arranque primero con ./iot")


def _id_of(settings: Settings, serial: str) -> int:
    found = _ask(settings, "GET", f"/dispositivos?q={quote(serial)}")
    for device in found:
        if device["serial_number"] == serial:
            return int(device["id"])
    raise OrderFailed(
        f"El programa está en marcha y todavía no ha oído a {serial}. Añádalo antes (POST /dispositivos), o pare el "
        "programa y repita la orden"
    )


def _ask(settings: Settings, method: str, path: str) -> Any:
    """What the running program answers."""
    over = running(settings)
    if over is None:
        raise OrderFailed(SILENT)
    return over.ask(method, path)


def _acl(settings: Settings, *, anonymous: bool) -> None:
    devices = _read(settings, credenciales.claves)
    user = settings.mqtt_username or "iot-backend"
    password = settings.mqtt_password or secretos.new_password()
    users = {user: password_hash(password), **devices}
    rules = acl_text(user, devices, anonymous=anonymous, shared=settings.mqtt_shared_topic)
    for number, (title, text) in enumerate(
        (
            (f"En {_PLACE}/conf.d/iot.conf (si ese puerto ya tiene listener, quítelo)", _conf(settings, anonymous)),
            (f"En {_PLACE}/iot-usuarios (mosquitto ha de poder leerlo, y nadie más)", password_text(users)),
            (f"En {_PLACE}/iot-acl (igual)", rules),
            ("En instance/config.py de este programa", _mine(settings, user, password, anonymous=anonymous)),
            ("Y después", _reload(settings)),
        ),
        1,
    ):
        print(f"# --- {number}. {title}\n{text}")


def _conf(settings: Settings, anonymous: bool) -> str:
    lines = [f"listener {settings.mqtt_broker_port}"]
    if not anonymous:
        lines += ["use_username_as_clientid true"]
    lines += [
        f"allow_anonymous {'true' if anonymous else 'false'}",
        f"password_file {_PLACE}/iot-usuarios",
        f"acl_file {_PLACE}/iot-acl",
    ]
    return "\n".join(lines) + "\n"


def _mine(settings: Settings, user: str, password: str, *, anonymous: bool) -> str:
    wanted: Mapping[str, str] = {"MQTT_USERNAME": user, "MQTT_PASSWORD": password}
    missing = not settings.mqtt_username or not settings.mqtt_password
    lines = [f'{name} = "{value}"' for name, value in wanted.items()] if missing else ["# nada: ya tiene su usuario"]
    if anonymous and settings.mqtt_client_id == "iot-backend":
        lines += [
            "# Quien entra sin usuario elige identificador; con el del backend le quitaría la sesión. Que sea secreto:",
            f'MQTT_CLIENT_ID = "iot-{secretos.new_password()}"',
        ]
    return "\n".join(lines) + "\n"


def _reload(settings: Settings) -> str:
    files = f"{_PLACE}/iot-usuarios {_PLACE}/iot-acl"
    unused = "" if settings.mqtt_broker_url else ", que ahora ni siquiera lo usa (MQTT_BROKER_URL está vacía)"
    return (
        f"sudo chown mosquitto: {files} && sudo chmod 600 {files}\n"
        "sudo systemctl restart mosquitto    # la primera vez\n"
        "sudo systemctl reload mosquitto     # cuando solo cambian usuarios o permisos (kill -HUP)\n"
        f"# Repítalo cada vez que dé o quite una credencial: ese broker no lo lleva este programa{unused}.\n"
    )
