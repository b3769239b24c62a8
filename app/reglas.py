"""Rules as rows: what people say of them, and what their engine must still know after a restart."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, update

from app import avisos, nombrados
from app.alcance import Vista
from app.clock import iso_z
from app.db import UnitOfWork, insert_one
from app.dispositivos import conocidos
from app.domain.dispositivo import dump_object, load_object
from app.domain.errors import DatosInvalidos, ErrorCampo
from app.domain.regla import TIPOS_HOJA, UNIONES
from app.models import escena, regla

MAX_REGLAS = 200
SUCESO, DISPARADA = "regla", "disparada"
EN_BUCLE, FALLIDA = "regla_en_bucle", "regla_fallida"
"""Kinds of notices of a rule that is not, or not wholly, carried out."""
Accion = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Regla:
    """A rule as its row holds it."""

    id: int
    nombre: str
    activa: bool
    definicion_json: str
    memoria_json: str
    disparos: int
    disparada_en: str | None
    creado_en: str

    @property
    def condicion(self) -> dict[str, Any]:
        """As it was sent."""
        found: dict[str, Any] = load_object(self.definicion_json)["condicion"]
        return found

    @property
    def acciones(self) -> list[dict[str, Any]]:
        """As they were sent."""
        found: list[dict[str, Any]] = load_object(self.definicion_json)["acciones"]
        return found

    def as_object(self) -> dict[str, Any]:
        """What clients read."""
        return {
            "id": self.id,
            "nombre": self.nombre,
            "activa": self.activa,
            **load_object(self.definicion_json),
            "cumplida": bool(load_object(self.memoria_json).get("cumplida")),
            "disparos": self.disparos,
            "disparada_en": self.disparada_en,
            "creado_en": self.creado_en,
        }


def listar(conn: Connection) -> list[Regla]:
    """Every rule, oldest first."""
    return [Regla(*row) for row in nombrados.filas(conn, regla)]


def obtener(conn: Connection, regla_id: int) -> Regla:
    """The rule.

    Raises:
        RecursoNotFound: there is none of that id.
    """
    return Regla(*nombrados.fila(conn, regla, regla_id))


def recortar(found: Regla, vista: Vista) -> Regla | None:
    """Who sees a part of the house is told of the rules that are of that part only, and of no scene; None: nothing."""
    named = {i for _, i in dispositivos_de(found.condicion)}
    named |= {a["dispositivo_id"] for a in found.acciones if a["tipo"] == "orden"}
    scenes = any(a["tipo"] == "escena" for a in found.acciones)
    return found if named and named <= vista.dispositivos and not scenes else None


def crear(
    uow: UnitOfWork, nombre: str, activa: bool, condicion: Mapping[str, Any], acciones: Sequence[Accion]
) -> Regla:
    """Add a rule; what meets it already fires it.

    Raises:
        NombreRepetido, DemasiadosNombrados: see :mod:`app.nombrados`.
        DatosInvalidos: it names a device or scene that does not exist.
    """
    nombrados.admitir(uow.conn, regla, nombre, maximo=MAX_REGLAS)
    text = _definition(uow.conn, condicion, acciones)
    values = (nombre, activa, text, "{}", 0, None, iso_z(uow.now))
    return _told(uow, Regla(insert_one(uow, regla, values), *values), "creada")


def cambiar(
    uow: UnitOfWork, regla_id: int, nombre: str, activa: bool, condicion: Mapping[str, Any], acciones: Sequence[Accion]
) -> Regla:
    """Lay a rule anew. One that is switched on, or that looks for something else now, starts without a past.

    Raises:
        RecursoNotFound, NombreRepetido, DatosInvalidos: see :func:`crear`.
    """
    antes = obtener(uow.conn, regla_id)
    nombrados.renombrar(uow.conn, regla, nombre, regla_id)
    text = _definition(uow.conn, condicion, acciones)
    values: dict[str, Any] = {"nombre": nombre, "activa": activa, "definicion": text}
    anew = antes.condicion != load_object(text)["condicion"] or not (activa and antes.activa)
    if anew:
        values["memoria"] = "{}"
    _release(uow, antes, acciones, anew=anew)
    uow.conn.execute(update(regla).where(regla.c.id == regla_id).values(values))
    return _told(uow, obtener(uow.conn, regla_id), "cambiada")


def borrar(uow: UnitOfWork, regla_id: int) -> None:
    """Forget a rule; what it asked for stays asked for, and its notices stay but for those that it would have ended.

    Raises:
        RecursoNotFound: there is none of that id.
    """
    found = obtener(uow.conn, regla_id)
    nombrados.quitar(uow, regla, regla_id)
    _release(uow, found, [], anew=True)
    for tipo in (EN_BUCLE, FALLIDA):
        avisos.resolver(uow, f"{tipo}:{regla_id}")
    _told(uow, found, "borrada")


def olvidar(uow: UnitOfWork, device_id: int) -> list[Regla]:
    """Nothing is asked any more of a device that is about to be no more; the rules that named it, as they are now.

    A rule that looks at it, or that has nothing else to do, is switched off and kept as it was said: what it should do
    instead is for people to say.
    """
    touched = []
    for found in listar(uow.conn):
        looks = any(i == device_id for _, i in dispositivos_de(found.condicion))
        left = [a for a in found.acciones if a["tipo"] != "orden" or a["dispositivo_id"] != device_id]
        if not looks and len(left) == len(found.acciones):
            continue
        left, off = left or found.acciones, looks or not left
        values: dict[str, Any] = {"definicion": dump_object({"condicion": found.condicion, "acciones": left})}
        if off:
            values |= {"activa": False, "memoria": "{}"}
        _release(uow, found, left, anew=off)
        uow.conn.execute(update(regla).where(regla.c.id == found.id).values(values))
        touched.append(_told(uow, obtener(uow.conn, found.id), "cambiada"))
    return touched


def activas(conn: Connection) -> list[Regla]:
    """The rules that are switched on."""
    query = select(*regla.columns).where(regla.c.activa).order_by(regla.c.id)
    return [Regla(*row) for row in conn.execute(query)]


def recordar(uow: UnitOfWork, found: Regla, memoria: Mapping[str, Any], *, disparada: bool = False) -> bool:
    """Keep what the engine knows; False of a rule that was switched off, changed or deleted meanwhile, of which nothing
    is kept."""
    values: dict[str, Any] = {"memoria": json.dumps(memoria, separators=(",", ":"))}
    if disparada:
        values |= {"disparos": regla.c.disparos + 1, "disparada_en": iso_z(uow.now)}
    same = (regla.c.id == found.id, regla.c.definicion == found.definicion_json, regla.c.activa)
    return uow.conn.execute(update(regla).where(*same).values(values)).rowcount > 0


def contar_disparo(uow: UnitOfWork, found: Regla, detalle: str, resultados: Sequence[Mapping[str, Any]]) -> None:
    """Tell that a rule was carried out, and what became of each thing that it asked for."""
    told = {"id": found.id, "nombre": found.nombre, "cambio": DISPARADA, "en": iso_z(uow.now), "detalle": detalle}
    uow.tell(SUCESO, dump_object({**told, "resultados": list(resultados)}))


def dispositivos_de(condicion: Mapping[str, Any], campo: str = "condicion") -> list[tuple[str, int]]:
    """(path, id) of each device that a condition looks at."""
    if any(condicion.get(tipo) is not None for tipo in TIPOS_HOJA):
        device_id = condicion.get("dispositivo_id")
        return [] if device_id is None else [(f"{campo}.dispositivo_id", device_id)]
    joined = next(tipo for tipo in UNIONES if condicion.get(tipo) is not None)
    parts = condicion[joined]
    if joined == "no":
        return dispositivos_de(parts, f"{campo}.no")
    return [found for n, part in enumerate(parts) for found in dispositivos_de(part, f"{campo}.{joined}[{n}]")]


def clave_aviso(regla_id: int, n: int) -> str:
    """The key of the notice of a rule's ``n``-th action."""
    return f"regla:{regla_id}:{n}"


def _release(uow: UnitOfWork, antes: Regla, quedan: Sequence[Accion], *, anew: bool) -> None:
    """What becomes of the open notices of a rule that is laid anew, or of actions that are no more: nobody will end
    those that end by themselves, so they are over; the others stay for people, and no later one is taken for them."""
    for n, accion in enumerate(antes.acciones):
        stays = [accion] == list(quedan[n : n + 1])
        if accion["tipo"] != "aviso" or (stays and not anew):
            continue
        if accion.get("se_resuelve"):
            avisos.resolver(uow, clave_aviso(antes.id, n))
        elif not stays:
            avisos.desligar(uow, clave_aviso(antes.id, n))


def _told(uow: UnitOfWork, found: Regla, cambio: str) -> Regla:
    told = {"id": found.id, "nombre": found.nombre, "cambio": cambio, "en": iso_z(uow.now)}
    uow.tell(SUCESO, dump_object(told))
    return found


def _definition(conn: Connection, condicion: Mapping[str, Any], acciones: Sequence[Accion]) -> str:
    asked = [(f"acciones[{n}].dispositivo_id", a["dispositivo_id"]) for n, a in enumerate(acciones)
             if a["tipo"] == "orden"]  # fmt: skip
    conocidos(conn, [*dispositivos_de(condicion), *asked], repetidos=True)
    scenes = set(conn.execute(select(escena.c.id)).scalars())
    faults = [
        ErrorCampo(f"acciones[{n}].escena_id", "no existe")
        for n, a in enumerate(acciones)
        if a["tipo"] == "escena" and a["escena_id"] not in scenes
    ]
    if faults:
        raise DatosInvalidos(faults)
    return dump_object({"condicion": dict(condicion), "acciones": [dict(a) for a in acciones]})
