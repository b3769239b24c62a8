"""The five doors that rooms, groups, scenes and rules have alike: list, read, add, change, delete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from flask import Blueprint, Response, request

from app.alcance import vista
from app.domain.dispositivo import dump_object
from app.domain.errors import RecursoNotFound
from app.domain.valores import COTAS_AMPLIAS
from app.peticionario import cause_of, identity_of
from app.routes import body, json_response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Connection

    from app.alcance import Vista
    from app.db import Database, UnitOfWork


class Elemento(Protocol):
    """One of a collection."""

    @property
    def id(self) -> int: ...
    def as_object(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Coleccion:
    """A collection: its path, the name of one, and its verbs; ``parse`` makes of a body what ``crear`` and ``cambiar``
    are given after their own arguments, ``recortar`` what somebody who sees a part of the house is told of one."""

    ruta: str
    uno: str
    parse: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    listar: Callable[[Connection], Sequence[Elemento]]
    obtener: Callable[[Connection, int], Elemento]
    crear: Callable[..., Elemento]
    cambiar: Callable[..., Elemento]
    borrar: Callable[[UnitOfWork, int], None]
    recortar: Callable[[Any, Vista], Elemento | None]


def puertas(bp: Blueprint, db: Database, c: Coleccion) -> None:
    """Add the doors of a collection to a blueprint."""
    made = _Puertas(db, c)
    for method, path, name, view in (
        ("GET", f"/{c.ruta}", f"listar_{c.ruta}", made.listar),
        ("POST", f"/{c.ruta}", f"crear_{c.uno}", made.crear),
        ("GET", f"/{c.ruta}/<device_id:item_id>", f"obtener_{c.uno}", made.obtener),
        ("PUT", f"/{c.ruta}/<device_id:item_id>", f"cambiar_{c.uno}", made.cambiar),
        ("DELETE", f"/{c.ruta}/<device_id:item_id>", f"borrar_{c.uno}", made.borrar),
    ):
        bp.add_url_rule(path, name, view, methods=[method])


class _Puertas:
    def __init__(self, db: Database, c: Coleccion) -> None:
        self._db = db
        self._c = c

    def listar(self) -> Response:
        with self._db.reader() as conn:
            seen = self._seen(conn, self._c.listar(conn))
        return json_response(f"[{','.join(dump_object(e.as_object()) for e in seen)}]")

    def obtener(self, item_id: int) -> Response:
        with self._db.reader() as conn:
            seen = self._seen(conn, [self._c.obtener(conn, item_id)])
        if not seen:
            raise RecursoNotFound
        return json_response(dump_object(seen[0].as_object()))

    def _seen(self, conn: Connection, elements: Sequence[Elemento]) -> Sequence[Elemento]:
        """What the caller may know of them."""
        mine = vista(conn, identity_of(request).alcance)
        if mine is None:
            return elements
        return [e for e in (self._c.recortar(each, mine) for each in elements) if e is not None]

    def crear(self) -> Response:
        parsed = self._c.parse(body(COTAS_AMPLIAS))
        with self._db.unit_of_work(cause_of(request)) as uow:
            made = self._c.crear(uow, *parsed)
        answer = json_response(dump_object(made.as_object()), 201)
        answer.headers["Location"] = f"/{self._c.ruta}/{made.id}"
        return answer

    def cambiar(self, item_id: int) -> Response:
        parsed = self._c.parse(body(COTAS_AMPLIAS))
        with self._db.unit_of_work(cause_of(request)) as uow:
            made = self._c.cambiar(uow, item_id, *parsed)
        return json_response(dump_object(made.as_object()))

    def borrar(self, item_id: int) -> Response:
        with self._db.unit_of_work(cause_of(request)) as uow:
            self._c.borrar(uow, item_id)
        answer = Response(status=204)
        del answer.headers["Content-Type"]
        return answer
