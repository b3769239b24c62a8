"""Credentials of devices as use-cases: what is kept, what is told after the commit, what is written down."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app import credenciales
from app.db import Database
from app.domain.errors import DatosInvalidos, DemasiadosNombrados, RecursoNotFound
from app.domain.events import CredencialCambiada
from app.usuarios_broker import UsuariosBroker
from tests.support.nucleo import House

pytestmark = pytest.mark.integration


class Casa(House):
    """A house that follows its credentials as the program does; `reserved` is what the ingest was last told."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.facts: list[CredencialCambiada] = []
        self.reserved: frozenset[str] = frozenset()
        self.db.close()
        self.db = Database("sqlite:///iot.db", folder, self.clock, self.bus.publish, accredit=self.heard)
        self.users = UsuariosBroker(self.db, self.reserve)

    def heard(self, facts: list[CredencialCambiada]) -> None:
        self.facts += facts
        self.users.on_changes(facts)

    def reserve(self, serials: frozenset[str]) -> None:
        self.reserved = serials


@pytest.fixture
def casa(tmp_path: Path) -> Iterator[Casa]:
    with Casa(tmp_path) as casa:
        yield casa


def test_only_a_hash_is_kept_and_no_two_are_alike(casa: Casa) -> None:
    with casa.db.unit_of_work() as uow:
        credenciales.crear(uow, "UNO", "misma")
        credenciales.crear(uow, "DOS", "misma")
    kept = casa.rows("SELECT clave FROM credencial")
    assert len(set(kept)) == 2
    assert all(row[0].startswith("$7$101$") for row in kept)
    assert "misma" not in repr(casa.facts)


def test_the_ingest_knows_after_the_commit_and_not_before(casa: Casa) -> None:
    with pytest.raises(ZeroDivisionError), casa.db.unit_of_work() as uow:
        credenciales.crear(uow, "UNO", "a")
        raise ZeroDivisionError
    assert casa.reserved == frozenset()
    with casa.db.unit_of_work() as uow:
        credenciales.crear(uow, "UNO", "a")
        assert casa.reserved == frozenset()
    assert casa.reserved == {"UNO"}
    with casa.db.unit_of_work() as uow:
        credenciales.revocar(uow, "UNO")
    assert casa.reserved == frozenset()


def test_they_are_known_again_at_the_next_start(casa: Casa) -> None:
    with casa.db.unit_of_work() as uow:
        credenciales.crear(uow, "UNO", "a")
    told: list[frozenset[str]] = []
    UsuariosBroker(casa.db, told.append)
    assert told == [{"UNO"}]


def test_a_second_one_takes_the_place_of_the_first(casa: Casa) -> None:
    with casa.db.unit_of_work() as uow:
        credenciales.crear(uow, "UNO", "a")
    before = casa.scalar("SELECT clave FROM credencial")
    with casa.db.unit_of_work() as uow:
        credenciales.crear(uow, "UNO", "b")
    assert casa.scalar("SELECT clave FROM credencial") != before
    assert casa.scalar("SELECT count(*) FROM credencial") == 1


def test_each_change_is_written_down_without_the_secret(casa: Casa) -> None:
    with casa.db.unit_of_work() as uow:
        credenciales.crear(uow, "UNO", "secretísimo")
        credenciales.crear(uow, "UNO", "secretísimo")
        credenciales.revocar(uow, "UNO")
    lines = casa.rows("SELECT accion, objeto, detalle FROM auditoria ORDER BY id")
    assert [line[0] for line in lines] == ["credencial_creada", "credencial_cambiada", "credencial_revocada"]
    assert "secret" not in repr(lines)


@pytest.mark.parametrize("serial", ["", "a:b", "con espacio", "a/b", "ñ", "x" * 101, "a\nb"])
def test_what_cannot_be_a_user_name_is_refused(casa: Casa, serial: str) -> None:
    with pytest.raises(DatosInvalidos), casa.db.unit_of_work() as uow:
        credenciales.crear(uow, serial, "a")


def test_revoking_what_is_not_there(casa: Casa) -> None:
    with pytest.raises(RecursoNotFound), casa.db.unit_of_work() as uow:
        credenciales.revocar(uow, "UNO")


def test_their_number_is_bounded(casa: Casa, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credenciales, "MAX_CREDENCIALES", 2)
    with casa.db.unit_of_work() as uow:
        credenciales.crear(uow, "UNO", "a")
        credenciales.crear(uow, "DOS", "a")
        credenciales.crear(uow, "UNO", "b")
        with pytest.raises(DemasiadosNombrados):
            credenciales.crear(uow, "TRES", "a")
