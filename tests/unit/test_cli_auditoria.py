"""`./iot auditoria`: who did what, from the file, whether a server runs or not."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from app import auditoria
from app.cli import main
from app.clock import Clock
from app.db import Database
from app.domain.causa import Causa
from app.migrations import migrate


@pytest.fixture(autouse=True)
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IOT_INSTANCE_PATH", str(tmp_path))
    return tmp_path


def iot(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    code = main(["auditoria", *argv])
    told = capsys.readouterr()
    return code, told.out, told.err


def note(house: Path) -> None:
    migrate(house / "iot.db", Clock().now())
    with closing(Database("sqlite:///iot.db", house, Clock(), lambda _: None)) as db:
        with db.unit_of_work(Causa("http", quien="ana (token movil)", desde="192.0.2.7")) as uow:
            auditoria.apuntar(
                uow, "dispositivo_borrado", "TMP0603IF1WD\x1b[2J", detalle={"nombre": "\x1b[31mrojo\u202eleer"}
            )
        with db.unit_of_work(Causa("http", quien="luis")) as uow:
            auditoria.apuntar(uow, "codigo_incorrecto", "DRL0", resultado=auditoria.FALLIDO)


def test_before_the_first_start(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = iot(capsys)
    assert code == 1
    assert "Todavía no hay base de datos" in err


def test_lines_for_people(capsys: pytest.CaptureFixture[str], house: Path) -> None:
    """Newest first; a name that holds an escape for the terminal does nothing to it; the file is not written to."""
    note(house)
    before = (house / "iot.db").read_bytes()
    code, out, _ = iot(capsys)
    assert code == 0
    assert "luis (este programa): codigo_incorrecto DRL0 [fallido]" in out
    assert "ana (token movil) (192.0.2.7): dispositivo_borrado TMP0603IF1WD\\u001b[2J" in out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert out.index("luis") < out.index("ana")
    assert "Página 1 de 1; hay 2" in out
    assert (house / "iot.db").read_bytes() == before


def test_filters_and_json(capsys: pytest.CaptureFixture[str], house: Path) -> None:
    note(house)
    code, out, _ = iot(capsys, "--quien", "ana", "--desde", "2000-01-01", "--json")
    found = json.loads(out)
    assert (code, found["total"]) == (0, 1)
    assert found["data"][0]["accion"] == "dispositivo_borrado"
    assert iot(capsys, "--accion", "nada")[1] == "No hay anotaciones.\n"
    code, _, err = iot(capsys, "--desde", "ayer")
    assert code == 2
    assert "desde: debe ser una fecha" in err


def test_a_damaged_database(capsys: pytest.CaptureFixture[str], house: Path) -> None:
    note(house)
    (house / "iot.db").write_bytes(b"nada de esto es una base de datos" * 200)
    code, _, err = iot(capsys)
    assert code == 1
    assert "./iot doctor" in err
