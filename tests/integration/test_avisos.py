"""The inbox of notices on a real database: one open notice of a thing, its states, what is told live, its bound."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import avisos
from app.domain.aviso import TODAS, FiltroAvisos
from app.domain.errors import RecursoNotFound
from app.domain.events import Suceso
from tests.support.nucleo import House


class Inbox(House):
    def tell(self, clave: str, texto: str = "x", gravedad: str = "info") -> None:
        with self.db.unit_of_work() as uow:
            avisos.avisar(uow, tipo="prueba", clave=clave, texto=texto, gravedad=gravedad)

    def do(self, verb: Any, *args: Any) -> Any:
        with self.db.unit_of_work() as uow:
            return verb(uow, *args)

    def all(self, estado: str | None = None) -> list[dict[str, Any]]:
        with self.db.reader() as conn:
            page = avisos.listar(conn, FiltroAvisos(estado), page=1, per_page=200)
        return [json.loads(text) for text in page.data]

    def live(self) -> list[dict[str, Any]]:
        """What was told on the stream since the last look."""
        found = [json.loads(e.datos_json) for e in self.events if isinstance(e, Suceso) and e.tipo == "aviso"]
        self.events.clear()
        return found

    def waiting(self) -> list[int]:
        return [row[0] for row in self.rows("SELECT por_enviar FROM aviso ORDER BY id")]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Inbox]:
    with Inbox(tmp_path) as made:
        yield made


def test_one_open_notice_of_a_thing(house: Inbox) -> None:
    """Told again it is once more, new even for who saw it, and goes out again; when it was over it is another."""
    house.tell("a", "uno")
    house.do(avisos.marcar_visto, 1)
    house.do(avisos.cerrar_puertas, TODAS)
    house.clock.advance(60)
    house.tell("a", "dos", "grave")
    (again,) = house.all()
    assert (again["id"], again["texto"], again["gravedad"], again["veces"]) == (1, "dos", "grave", 2)
    assert (again["estado"], again["visto_en"]) == ("nuevo", None)
    assert again["creado_en"] < again["actualizado_en"]
    assert house.waiting() == [TODAS]
    house.do(avisos.resolver, "a")
    house.tell("a", "tres")
    assert [(a["id"], a["texto"], a["estado"], a["veces"]) for a in house.all()] == [
        (2, "tres", "nuevo", 1), (1, "dos", "resuelto", 2),
    ]  # fmt: skip


def test_every_step_is_told_live_and_no_step_that_is_none(house: Inbox) -> None:
    house.tell("a")
    house.do(avisos.marcar_visto, 1)
    house.do(avisos.marcar_resuelto, 1)
    told = house.live()
    assert [t["estado"] for t in told] == ["nuevo", "visto", "resuelto"]
    assert told[-1] == house.all()[0]
    for verb in (avisos.marcar_visto, avisos.marcar_resuelto):
        house.do(verb, 1)
    house.do(avisos.resolver, "a")
    house.do(avisos.resolver, "nunca")
    assert house.do(avisos.marcar_todos_vistos) == 0
    assert house.live() == []


def test_what_a_person_took_care_of_need_not_go_out(house: Inbox) -> None:
    """What ended by itself does: somebody outside was told of it."""
    house.tell("a")
    house.tell("b")
    house.do(avisos.marcar_resuelto, 1)
    house.do(avisos.resolver, "b")
    assert house.waiting() == [0, TODAS]
    assert all(a["visto_en"] for a in house.all() if a["id"] == 1)


def test_all_seen_at_once(house: Inbox) -> None:
    for clave in "abc":
        house.tell(clave)
    house.do(avisos.marcar_resuelto, 1)
    house.live()
    assert house.do(avisos.marcar_todos_vistos) == 2
    assert [a["estado"] for a in house.all()] == ["visto", "visto", "resuelto"]
    assert [t["id"] for t in house.live()] == [2, 3]


@pytest.mark.parametrize("aviso_id", [0, -1, 7, 2**63, 2**70])
def test_one_that_is_not_there(house: Inbox, aviso_id: int) -> None:
    for verb in (avisos.marcar_visto, avisos.marcar_resuelto):
        with pytest.raises(RecursoNotFound):
            house.do(verb, aviso_id)


def test_the_inbox_is_bounded_and_what_is_new_goes_last(house: Inbox) -> None:
    """The oldest resolved first, then the oldest seen, then the oldest new; a notice that is told again is young."""
    for clave in ("n1", "n2", "v1", "v2", "r1", "r2"):
        house.tell(clave)
    for aviso_id in (3, 4):
        house.do(avisos.marcar_visto, aviso_id)
    for clave in ("r1", "r2"):
        house.do(avisos.resolver, clave)
    house.tell("n1")
    left = []
    for keep in (5, 4, 3, 2, 1):
        assert house.do(avisos.podar, keep) == 1
        left.append({a["clave"] for a in house.all()})
    assert left == [
        {"n1", "n2", "v1", "v2", "r2"}, {"n1", "n2", "v1", "v2"}, {"n1", "n2", "v2"}, {"n1", "n2"}, {"n1"},
    ]  # fmt: skip


def test_words_are_bounded(house: Inbox) -> None:
    house.tell("clave " * 100, "texto " * 1000)
    house.tell("clave " * 100, "otra vez")
    (notice,) = house.all()
    assert (notice["texto"], notice["veces"]) == ("otra vez", 2)
    house.tell("b", "texto " * 1000)
    assert len(house.all()[0]["texto"]) == avisos.MAX_TEXTO
