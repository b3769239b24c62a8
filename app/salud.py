"""The health document: pure assembly of what the parts say of themselves, judged and put into words.

Each part hands over a mapping of plain values (see ``JUDGES`` for the keys that are read; every other one is shown as
it is). A part that is missing does not run in this process and is not judged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from app.domain.reloj import PLAUSIBLE_YEAR

Estado = Literal["bien", "degradado", "mal"]
Parte = Mapping[str, Any]

LOW_DISK_BYTES = 200 << 20
LOW_DISK_SHARE = 0.02
FULL_QUEUE = 5_000
EARLIEST_YEAR = str(PLAUSIBLE_YEAR)
"""ISO text compares as time does."""

_RANK: dict[Estado, int] = {"bien": 0, "degradado": 1, "mal": 2}
_SUMMARY: dict[Estado, str] = {
    "bien": "Todo funciona",
    "degradado": "Funciona, con algo que atender",
    "mal": "Hay algo que no funciona",
}


@dataclass(frozen=True, slots=True)
class Juicio:
    """A part's state in a word and in a sentence; ``listo`` false keeps requests away from this process."""

    estado: Estado
    detalle: str
    listo: bool = True


def documento(partes: Mapping[str, Any]) -> dict[str, Any]:
    """The whole, readable document. ``partes`` may also hold ``version``, ``parando`` and ``avisos``."""
    juicios = {name: judge(partes[name]) for name, judge in JUDGES.items() if name in partes}
    estado: Estado = max((j.estado for j in juicios.values()), key=_RANK.__getitem__, default="bien")
    faults = [f"{name.replace('_', ' ')}: {j.detalle}" for name, j in juicios.items() if j.estado != "bien"]
    return {
        "estado": estado,
        "resumen": _SUMMARY[estado] + (f" ({'; '.join(faults)})" if faults else ""),
        "lista": not partes.get("parando", False) and all(j.listo for j in juicios.values()),
        "version": partes.get("version", ""),
        **{name: {"estado": j.estado, "detalle": j.detalle, **partes[name]} for name, j in juicios.items()},
        "puntos_debiles": weak_points(partes),
    }


def preparacion(partes: Mapping[str, Any], *, todo: bool = True) -> dict[str, Any]:
    """The short answer to «may I send you requests?»; ``todo``: with what is wrong, which is not for everybody."""
    whole = documento(partes)
    why = (
        "El programa se está parando"
        if partes.get("parando")
        else whole["resumen"]
        if todo
        else _SUMMARY[whole["estado"]]
    )
    return {"lista": whole["lista"], "estado": whole["estado"], "detalle": why}


def weak_points(partes: Mapping[str, Any]) -> list[str]:
    """What the promises of docs/operacion.md do not hold against, as this house is set up."""
    mqtt = partes.get("mqtt") or {}
    return [str(text) for text in (*mqtt.get("debilidades", ()), *partes.get("avisos", ()))]


def _database(parte: Parte) -> Juicio:
    if not parte.get("responde", True):
        return Juicio("mal", str(parte.get("fallo") or "la base de datos no responde"), listo=False)
    if parte.get("fallo"):
        return Juicio("degradado", str(parte["fallo"]))
    return Juicio("bien", "lee y guarda")


def _mqtt(parte: Parte) -> Juicio:
    """Without a broker HTTP and streams go on, so it never makes the process unready."""
    if parte.get("conectado"):
        return Juicio("bien", "conectado al broker")
    return Juicio("degradado", str(parte.get("fallo") or "sin conexión con el broker; se reintenta"))


def _ingest(parte: Parte) -> Juicio:
    if not parte.get("viva", True):
        return Juicio("mal", "el hilo que guarda los mensajes no está vivo", listo=False)
    if parte.get("fallo"):
        return Juicio("degradado", str(parte["fallo"]))
    if int(parte.get("en_cola", 0)) >= FULL_QUEUE:
        return Juicio("degradado", f"{parte['en_cola']} mensajes esperan a guardarse")
    return Juicio("bien", "guarda lo que llega")


def _streams(parte: Parte) -> Juicio:
    return Juicio("bien", f"{parte.get('lectores', 0)} lectores en vivo")


def _http(parte: Parte) -> Juicio:
    if int(parte.get("conexiones", 0)) >= int(parte.get("conexiones_max", 1 << 30)):
        return Juicio("degradado", "no caben más conexiones")
    return Juicio("bien", f"{parte.get('conexiones', 0)} conexiones")


def _schedules(parte: Parte) -> Juicio:
    if not parte.get("vivo", True):
        return Juicio("mal", "el hilo que lleva los horarios no está vivo")
    if parte.get("sin_hora"):
        return Juicio("degradado", "los horarios esperan a que el reloj de la máquina se ponga en hora")
    if parte.get("fallo"):
        return Juicio("degradado", str(parte["fallo"]))
    return Juicio("bien", f"{parte.get('guiados', 0)} dispositivos siguen su horario")


def _liveness(parte: Parte) -> Juicio:
    if not parte.get("viva", True):
        return Juicio("mal", "el hilo que vigila los dispositivos no está vivo")
    if parte.get("fallo"):
        return Juicio("degradado", str(parte["fallo"]))
    lost = int(parte.get("fuera", 0))
    return Juicio("bien", f"{parte.get('en_linea', 0)} en línea" + (f", {lost} fuera" if lost else ""))


def _rules(parte: Parte) -> Juicio:
    if not parte.get("vivo", True):
        return Juicio("mal", "el hilo que sigue las reglas no está vivo")
    if parte.get("fallo"):
        return Juicio("degradado", str(parte["fallo"]))
    return Juicio("bien", f"{parte.get('activas', 0)} reglas activas")


def _cleaning(parte: Parte) -> Juicio:
    if not parte.get("viva", True):
        return Juicio("degradado", "el hilo que limpia no está vivo")
    if parte.get("fallo"):
        return Juicio("degradado", str(parte["fallo"]))
    return Juicio("bien", "al día")


def _history(parte: Parte) -> Juicio:
    if not parte.get("vivo", True):
        return Juicio("degradado", "el hilo que resume el historial no está vivo")
    if parte.get("fallo"):
        return Juicio("degradado", str(parte["fallo"]))
    return Juicio("bien", f"{parte.get('pendientes', 0)} filas por resumir")


def _door(parte: Parte) -> Juicio:
    if not parte.get("viva", True):
        return Juicio("mal", "el hilo que lleva los avisos no está vivo")
    if parte.get("fallo"):
        return Juicio("degradado", f"{parte['fallo']} ({parte.get('por_enviar', 0)} por enviar)")
    return Juicio("bien", f"{parte.get('enviados', 0)} avisos enviados")


def poco_disco(free: int, total: int) -> bool:
    """Whether the disk is as good as full, in bytes."""
    return total > 0 and free < min(LOW_DISK_BYTES, total * LOW_DISK_SHARE)


def _backups(parte: Parte) -> Juicio:
    if not parte.get("vivo", True):
        return Juicio("degradado", "el hilo de los respaldos no está vivo")
    if parte.get("fallo"):
        return Juicio("degradado", f"el último respaldo no se pudo hacer: {parte['fallo']}")
    last = parte.get("ultimo")
    return Juicio("bien", f"el último, del {last}" if last else "todavía no hay ninguno")


def sitio(libre: int) -> str:
    """Bytes as people say them: ``"60,5 GB"``, ``"740 MB"`` (decimal, as disks are sold)."""
    return f"{libre / 1e9:.1f} GB".replace(".", ",") if libre >= 10**9 else f"{libre // 10**6} MB"


def _disk(parte: Parte) -> Juicio:
    free, total = int(parte.get("libre_bytes", 0)), int(parte.get("total_bytes", 0))
    if poco_disco(free, total):
        return Juicio("degradado", f"quedan {sitio(free)} libres en el disco de los datos")
    full = parte.get("lleno_el")
    return Juicio("bien", f"{sitio(free)} libres" + (f"; al paso que va, lleno hacia el {full[:10]}" if full else ""))


def _clock(parte: Parte) -> Juicio:
    if str(parte.get("ahora", EARLIEST_YEAR)) < EARLIEST_YEAR:
        return Juicio("degradado", "el reloj de la máquina está atrasado; los horarios esperan a que se ponga en hora")
    return Juicio("bien", "en hora")


JUDGES: dict[str, Callable[[Parte], Juicio]] = {
    "base_de_datos": _database,  # responde: bool, fallo: str | None
    "mqtt": _mqtt,  # conectado: bool, fallo: str | None, debilidades: list[str]
    "ingesta": _ingest,  # viva: bool, fallo: str | None, en_cola: int
    "conectividad": _liveness,  # viva: bool, fallo: str | None, en_linea, fuera: int
    "horarios": _schedules,  # vivo, sin_hora: bool, fallo: str | None, guiados: int
    "reglas": _rules,  # vivo: bool, fallo: str | None, activas: int
    "limpieza": _cleaning,  # viva: bool, fallo: str | None
    "historial": _history,  # vivo: bool, fallo: str | None, pendientes: int
    "respaldos": _backups,  # vivo: bool, fallo, ultimo: str | None
    "webhook": _door,  # viva: bool, fallo: str | None, por_enviar, enviados: int
    "apprise": _door,
    "flujos": _streams,  # lectores: int
    "http": _http,  # conexiones, conexiones_max: int
    "disco": _disk,  # libre_bytes, total_bytes: int
    "reloj": _clock,  # ahora: ISO text
}
