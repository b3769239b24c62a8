"""`./iot doctor`: the HTTP port and the broker, by trying them."""

from __future__ import annotations

import errno
import http.client
import json
import socket
import ssl
import subprocess
from typing import TYPE_CHECKING, Any

from app.broker_base import ProbeResult, probe, tls_context
from app.broker_mosquitto import MAX_QUEUED, MAX_QUEUED_BYTES, find_mosquitto
from app.config_net import is_any, is_loopback, lan_addresses, url_host
from app.doctor_base import Hallazgo, aviso, bien, mal
from app.doctor_proc import port_holders

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.config_load import Settings

_TIMEOUT_S = 3.0
_GUARD_CODES = {"acceso_denegado", "host_ajeno", "sin_credenciales"}  # this program, which does not let us ask
_TRY_OUT = "Es para probar: no guarda los mensajes que esperan si se apaga y no se ha de abrir a la red."
_INSTALL = "Instale mosquitto (sudo apt install mosquitto), o ponga un broker propio en MQTT_BROKER_URL."


def check_http(settings: Settings) -> Iterator[Hallazgo]:
    """Free, ours, somebody else's, or not to be had."""
    where = f"{settings.backend_host}:{settings.backend_port}"
    fault = try_to_listen(settings.backend_host, settings.backend_port)
    if fault is None:
        yield bien("Puerto HTTP", f"{where} está libre")
    elif fault.errno == errno.EADDRINUSE:
        yield _taken(settings, where)
    elif fault.errno == errno.EACCES:
        yield mal(
            "Puerto HTTP",
            f"no hay permiso para escuchar en {where}",
            "Los puertos menores de 1024 son del administrador.",
            "Ponga en BACKEND_PORT uno mayor, como 5000.",
        )
    else:
        yield mal(
            "Puerto HTTP",
            f"no se puede escuchar en {where}: {fault.strerror}",
            "Esa dirección no es de esta máquina.",
            f"Ponga en BACKEND_HOST 0.0.0.0 o una de estas: 127.0.0.1, {', '.join(lan_addresses()) or 'ninguna más'}.",
        )
    yield _who_gets_in(settings)


def ask_health(settings: Settings) -> dict[str, Any] | None:
    """What /salud of the server on our port says; None when whatever is there is not this program."""
    host = "127.0.0.1" if is_any(settings.backend_host) else settings.backend_host
    connection = http.client.HTTPConnection(host, settings.backend_port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", "/salud")
        found = json.loads(connection.getresponse().read(1 << 20))
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    ours = isinstance(found, dict) and (found.get("estado") or found.get("codigo") in _GUARD_CODES)
    return found if ours else None


def try_to_listen(host: str, port: int) -> OSError | None:
    """What prevents a listener there; None when nothing does."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(1)
        except OSError as error:
            return error
    return None


def check_broker(settings: Settings) -> Iterator[Hallazgo]:
    """Which broker a start would use, whether it answers, and what it does not promise."""
    if settings.mqtt_broker_url:
        yield from _check_configured(settings)
        return
    program = find_mosquitto()
    if program is None or settings.mqtt_embedded == "siempre":
        yield _embedded(settings, program)
    else:
        yield bien("Broker", f"{mosquitto_version(program)} ({program})", _managed_queue())
        yield _who_speaks(settings)
    yield _check_broker_port(settings)


def _who_speaks(settings: Settings) -> Hallazgo:
    """Whom our own Mosquitto lets in."""
    title, host = "Usuarios del broker", settings.mqtt_listen_host
    if is_loopback(host):
        return bien(title, "sin contraseña desde esta máquina; desde la red no se llega")
    if not settings.mqtt_listen_anonymous:
        found = f"en {host} pide usuario y contraseña a todos, también en esta máquina"
        return bien(title, found, "Se los da a cada dispositivo: ./iot dispositivo credencial SERIE")
    return aviso(
        title,
        f"en {host} entra cualquiera sin contraseña",
        "Quien esté en la red puede leer los mensajes y hablar por los dispositivos que no tengan usuario propio.",
        "Déselo a los que puedan tenerlo (./iot dispositivo credencial SERIE) y, cuando lo tengan todos, quite "
        "MQTT_LISTEN_ANONYMOUS.",
    )


def mosquitto_version(program: str) -> str:
    """`mosquitto version 2.0.11`, as the program itself says."""
    try:
        told = subprocess.run([program, "-h"], capture_output=True, text=True, timeout=5, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return "mosquitto"
    return next((line.strip() for line in told.splitlines() if "version" in line), "mosquitto")


def _taken(settings: Settings, where: str) -> Hallazgo:
    health = ask_health(settings)
    if health is not None:
        return _running(where, health)
    holders = ", ".join(port_holders(settings.backend_port)) or "no se sabe cuál"
    return mal(
        "Puerto HTTP",
        f"{where} está ocupado por otro programa: {holders}",
        "El servidor no puede arrancar en ese puerto.",
        "Termine ese programa, o elija otro puerto:  IOT_BACKEND_PORT=5001 ./iot",
    )


def _running(where: str, health: dict[str, Any]) -> Hallazgo:
    if "estado" not in health:
        return aviso(
            "Puerto HTTP",
            f"{where}: este programa ya está en marcha, pero no deja entrar desde esta máquina",
            "No se le puede preguntar cómo está.",
            'Añada "127.0.0.0/8" a TRUSTED_NETWORKS si quiere que ./iot doctor pueda.',
        )
    found = f"{where}: este programa ya está en marcha; /salud dice: {health.get('resumen') or health['estado']}"
    if health["estado"] == "bien":
        return bien("Puerto HTTP", found, " ".join(map(str, health.get("puntos_debiles", ()))))
    return aviso(
        "Puerto HTTP", found, "Está en marcha, pero no todo funciona.", "El detalle: curl, con la ruta /salud."
    )


def _who_gets_in(settings: Settings) -> Hallazgo:
    networks = ", ".join(settings.trusted_networks) or "nadie"
    if not any(is_loopback(network.partition("/")[0]) for network in settings.trusted_networks):
        return aviso(
            "Quién entra",
            networks,
            "Ni esta misma máquina entra sin credenciales: los ejemplos con curl reciben un 401.",
            'Añada "127.0.0.0/8" a TRUSTED_NETWORKS si quiere usarlos.',
        )
    return bien("Quién entra", f"sin credenciales: {networks}", "Los demás equipos, con una cuenta o un token.")


def _check_configured(settings: Settings) -> Iterator[Hallazgo]:
    where = f"{url_host(settings.mqtt_broker_url)}:{settings.mqtt_broker_port}"
    try:
        result = _probe_configured(settings)
    except (OSError, ssl.SSLError) as error:
        yield mal(
            "Broker",
            f"los certificados de MQTT_TLS_* no se pueden usar: {error.strerror or error}",
            "No se puede hablar con el broker por TLS.",
            "Compruebe los ficheros de MQTT_TLS_CA, MQTT_TLS_CERT y MQTT_TLS_KEY.",
        )
        return
    if not result.ok:
        meaning = "El programa arranca y sirve HTTP, pero sin broker no recibe nada de los dispositivos."
        yield mal("Broker", result.motivo, meaning, _mend(settings, result))
        return
    user = f" como {settings.mqtt_username}" if settings.mqtt_username else ", sin usuario"
    yield bien("Broker", f"{where} acepta la conexión{user}")
    yield aviso(
        "Cola del broker",
        "un broker ajeno no dice sus límites por MQTT",
        "Mosquitto de fábrica guarda 1000 mensajes por cliente parado y los olvida si se apaga.",
        "Ponga en su mosquitto.conf: persistence true, autosave_interval 1, autosave_on_changes true, "
        "max_queued_messages 0.",
    )


def _probe_configured(settings: Settings) -> ProbeResult:
    return probe(
        settings.mqtt_broker_url,
        settings.mqtt_broker_port,
        username=settings.mqtt_username or None,
        password=settings.mqtt_password or None,
        tls=tls_context(settings),
    )


def _mend(settings: Settings, result: ProbeResult) -> str:
    match result.fase:
        case "rechazo":
            return "Compruebe MQTT_USERNAME y MQTT_PASSWORD, y los permisos (ACL) de ese usuario en el broker."
        case "protocolo" if settings.mqtt_tls_enabled:
            return "Compruebe que ese puerto es el de TLS (suele ser 8883) y que MQTT_TLS_CA firma su certificado."
        case "protocolo":
            return "Compruebe MQTT_BROKER_PORT; si es el puerto de TLS, ponga MQTT_TLS_ENABLED = True."
        case _:
            return "Compruebe que el broker está en marcha, MQTT_BROKER_URL, MQTT_BROKER_PORT y el cortafuegos."


def _managed_queue() -> str:
    return (
        "El programa lo arranca y lo configura: para un cliente parado guarda en disco hasta "
        f"{MAX_QUEUED} mensajes o {MAX_QUEUED_BYTES >> 20} MiB."
    )


def _embedded(settings: Settings, program: str | None) -> Hallazgo:
    if settings.mqtt_embedded == "nunca":
        return mal(
            "Broker",
            "no hay mosquitto en esta máquina y MQTT_EMBEDDED = nunca",
            "No hay ningún broker que usar.",
            _INSTALL,
        )
    found = "no hay mosquitto; se usa el incluido (amqtt)" if program is None else "el incluido (amqtt), como se pidió"
    return aviso("Broker", found, _TRY_OUT, _INSTALL)


def _check_broker_port(settings: Settings) -> Hallazgo:
    where = f"{settings.mqtt_listen_host}:{settings.mqtt_broker_port}"
    fault = try_to_listen(settings.mqtt_listen_host, settings.mqtt_broker_port)
    if fault is None:
        return bien("Puerto MQTT", f"{where} está libre")
    if fault.errno != errno.EADDRINUSE:
        return mal(
            "Puerto MQTT",
            f"no se puede escuchar en {where}: {fault.strerror}",
            "El broker no puede arrancar ahí.",
            "Corrija MQTT_LISTEN_HOST y MQTT_BROKER_PORT.",
        )
    return _broker_port_taken(settings, where)


def _broker_port_taken(settings: Settings, where: str) -> Hallazgo:
    holders = ", ".join(port_holders(settings.mqtt_broker_port)) or "no se sabe cuál"
    host = "127.0.0.1" if is_any(settings.mqtt_listen_host) else settings.mqtt_listen_host
    result = probe(host, settings.mqtt_broker_port)
    if ask_health(settings) is not None and result.fase in {"ok", "rechazo"}:
        return bien("Puerto MQTT", f"{where}: ahí contesta un broker ({holders}), con este programa en marcha")
    if result.ok:
        return aviso(
            "Puerto MQTT",
            f"en {where} ya hay un broker ({holders}) que acepta conexiones sin usuario",
            "Se usará ese; sus límites y lo que guarda al apagarse no dependen de este programa.",
            'Para que quede dicho, ponga MQTT_BROKER_URL = "127.0.0.1"; para usar otro, cambie MQTT_BROKER_PORT.',
        )
    return mal(
        "Puerto MQTT",
        f"{where} está ocupado por {holders}: {result.motivo}",
        "El broker del programa no puede arrancar ahí.",
        "Si es un broker, ponga MQTT_BROKER_URL, MQTT_USERNAME y MQTT_PASSWORD; si no, cambie MQTT_BROKER_PORT.",
    )
