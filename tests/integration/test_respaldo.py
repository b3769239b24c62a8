"""Backups of a real database: consistent, complete, sealed; damaged or cut off anywhere they are refused."""

from __future__ import annotations

import io
import os
import shutil
import stat
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import dispositivos, respaldo, restauracion
from app.cifra import CHUNK, Cifrador, CifraError, Descifrador
from app.domain.identidad import Rol
from app.domain.peticiones import Alta
from app.respaldo import BaseDanada, Plan, Respaldo, RespaldoError
from tests.support.credenciales import an_account
from tests.support.nucleo import BEGINNING, House

FRASE = "tres palabras sueltas"
LATER = BEGINNING + timedelta(days=1)


@pytest.fixture
def house(tmp_path):
    with House(tmp_path) as found:
        for n in range(300):
            found.report({"serial_number": "A", "parametros": {"n": n, "t": "x" * 50}})
        (tmp_path / "config.py").write_text("LOG_LEVEL = 'INFO'\n")
        yield found


def made(house, frase=""):
    folder = house.db.path.parent / "respaldos"
    return respaldo.hacer(house.db.path, folder, house.clock.now(), "1.2.3", frase)


@pytest.mark.parametrize("frase", ["", FRASE])
def test_what_is_put_in_comes_out(house, tmp_path, frase):
    file, what = made(house, frase)
    assert (what.dispositivos, what.filas, what.esquema) == (1, 300, "0005")
    assert what.desde is not None
    assert what.desde <= what.hasta
    assert sorted(what.archivos) == ["config.py", "iot.db"]
    assert stat.S_IMODE(file.ruta.stat().st_mode) == 0o600
    assert respaldo.verificar(file.ruta, frase) == respaldo.contenido_de(file.ruta, frase) == what
    assert file.cifrado == bool(frase)
    assert [p.name for p in file.ruta.parent.iterdir()] == [file.ruta.name], "no leftovers"
    target = tmp_path / "otra" / "iot.db"
    done = restauracion.restaurar(file.ruta, target, LATER, frase)
    assert (done.apartada, done.archivos) == (None, ("config.py",))
    assert (target.parent / "config.py").read_text() == "LOG_LEVEL = 'INFO'\n"
    with House(target.parent) as again:
        assert again.scalar("SELECT count(*) FROM estado_log") == 300
        assert again.device("A").parametros_json == house.device("A").parametros_json


def test_what_was_there_is_moved_aside_and_numbers_go_on(house, tmp_path):
    file, _ = made(house)
    before = house.device("A")
    house.report({"serial_number": "B"})
    house.db.close()
    done = restauracion.restaurar(file.ruta, house.db.path, LATER)
    assert done.apartada == tmp_path / "apartadas" / "20261124T140000Z" / "iot.db"
    assert done.archivos == (), "what is there stays"
    with House(tmp_path) as again:
        assert again.rows("SELECT serial_number FROM dispositivo") == [("A",)]
        assert again.device("A").version > before.version + 1000
    aside = done.apartada.parent
    with House(aside) as old:
        assert old.rows("SELECT serial_number FROM dispositivo ORDER BY 1") == [("A",), ("B",)]


def test_a_desired_configuration_is_newer_than_any_that_was_given_out(house):
    with house.db.unit_of_work() as uow:
        dispositivos.agregar(uow, Alta("PEDIDO", configuracion={"encendido": True}))
    file, _ = made(house)
    wanted = house.device("PEDIDO").deseada_version
    house.db.close()
    restauracion.restaurar(file.ruta, house.db.path, LATER)
    with House(house.db.path.parent) as again:
        device = again.device("PEDIDO")
        assert device.deseada_version > wanted + 1000
        with again.db.reader() as conn:
            assert [d.serial_number for d in dispositivos.deseadas_pendientes(conn, todas=False)] == ["PEDIDO"]


@pytest.mark.parametrize("frase", ["", FRASE])
def test_damaged_or_cut_off_anywhere_it_is_refused_and_nothing_is_touched(house, tmp_path, frase):
    file, _ = made(house, frase)
    whole = file.ruta.read_bytes()
    present = house.db.path.read_bytes()
    bad = tmp_path / "malo"
    damages = [whole[:n] for n in range(0, len(whole), len(whole) // 23)]
    damages += [_flipped(whole, n) for n in range(10, len(whole), len(whole) // 23)]
    refused = 0
    for damage in damages:
        bad.write_bytes(damage)
        try:
            restauracion.restaurar(bad, tmp_path / "nueva" / "iot.db", LATER, frase)
        except RespaldoError:
            refused += 1
            assert not (tmp_path / "nueva" / "iot.db").exists()
        else:  # a bit that means nothing, as in gzip's header or the padding: what came out is still whole
            (tmp_path / "nueva" / "iot.db").unlink()
            (tmp_path / "nueva" / "config.py").unlink(missing_ok=True)
    assert refused >= len(damages) - 7
    assert house.db.path.read_bytes() == present


def _flipped(data, at):
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


def test_another_phrase_or_none_is_told(house):
    file, _ = made(house, FRASE)
    with pytest.raises(RespaldoError, match="hace falta su frase"):
        respaldo.verificar(file.ruta)
    with pytest.raises(RespaldoError, match="la frase no es la suya"):
        respaldo.verificar(file.ruta, "otra frase")
    assert b"SQLite format" not in file.ruta.read_bytes()


def test_something_else_is_no_backup(tmp_path):
    for name, data in (("vacio", b""), ("texto", b"hola"), ("base", b"SQLite format 3\0" * 100)):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(RespaldoError, match="no es un respaldo"):
            respaldo.verificar(tmp_path / name)
    with tarfile.open(tmp_path / "ajeno.tar.gz", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("../fuera"), io.BytesIO(b""))
    with pytest.raises(RespaldoError, match="no es un respaldo de este programa"):
        respaldo.verificar(tmp_path / "ajeno.tar.gz")


def test_the_newest_that_is_whole_is_found(house):
    first, _ = made(house)
    house.clock.advance(3600)
    second, _ = made(house)
    second.ruta.write_bytes(second.ruta.read_bytes()[:-100])
    found = respaldo.ultimo_verificado(first.ruta.parent)
    assert found is not None
    assert found[0] == first
    assert respaldo.ultimo_verificado(first.ruta.parent / "nada") is None


def test_a_damaged_database_makes_no_backup(house, tmp_path):
    house.db.close()
    data = bytearray(house.db.path.read_bytes())
    data[4096 * 5 : 4096 * 6] = os.urandom(4096)
    house.db.path.write_bytes(data)
    with pytest.raises(BaseDanada):
        respaldo.hacer(house.db.path, tmp_path / "respaldos", LATER, "1")
    assert list((tmp_path / "respaldos").iterdir()) == []


def test_a_copy_that_went_wrong_is_not_the_databases_fault(house, tmp_path, monkeypatch):
    def spoil(source, target):
        shutil.copy(source, target)
        target.write_bytes(b"x" * 4096 + target.read_bytes()[4096:])

    monkeypatch.setattr(respaldo, "copy_database", spoil)
    with pytest.raises(RespaldoError) as told:
        respaldo.hacer(house.db.path, tmp_path / "respaldos", LATER, "1")
    assert not isinstance(told.value, BaseDanada)


# --- sealing ----------------------------------------------------------------------------------------------------------


@settings(max_examples=12, deadline=None)
@given(st.sampled_from((0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK)), st.integers(1, 3 * CHUNK))
def test_sealed_and_opened_is_the_same(size, step):
    data, out = os.urandom(size), io.BytesIO()
    box = Cifrador(out, FRASE)
    for n in range(0, size, step):
        box.write(data[n : n + step])
    box.close()
    opened = Descifrador(io.BytesIO(out.getvalue()), FRASE)
    assert b"".join(iter(lambda: opened.read(step), b"")) == data


def test_chunks_can_be_neither_moved_nor_left_out():
    out = io.BytesIO()
    box = Cifrador(out, FRASE)
    box.write(os.urandom(4 * CHUNK))
    box.close()
    head, sealed = out.getvalue()[:33], out.getvalue()[33:]
    step = CHUNK + 16
    chunks = [sealed[n : n + step] for n in range(0, len(sealed), step)]
    for wrong in ([chunks[1], chunks[0], *chunks[2:]], chunks[:-1], [*chunks, chunks[0]], [chunks[0], *chunks[2:]]):
        with pytest.raises(CifraError):
            Descifrador(io.BytesIO(head + b"".join(wrong)), FRASE).read()


# --- which are kept ---------------------------------------------------------------------------------------------------

HOURS = st.lists(st.integers(0, 24 * 400), min_size=1, max_size=60, unique=True)


def files(hours):
    beginning = datetime(2026, 1, 1, tzinfo=UTC)
    found = [Respaldo(Path(f"/r/{h}"), beginning + timedelta(hours=h), 10, False) for h in hours]
    return sorted(found, key=lambda r: r.creado, reverse=True)


@given(HOURS, st.integers(1, 10), st.integers(0, 8), st.integers(0, 8))
def test_the_newest_of_each_day_week_and_month_stay(hours, dias, semanas, meses):
    found = files(hours)
    left = [r for r in found if r not in respaldo.sobrantes(found, Plan(dias, semanas, meses))]
    assert left[0] == found[0]
    assert len(left) <= 1 + dias + semanas + meses
    days = list(dict.fromkeys(r.creado.date() for r in found))[:dias]
    assert {r.creado.date() for r in left} >= set(days)
    assert respaldo.sobrantes(left, Plan(dias, semanas, meses)) == [], "what was kept is kept again"


@given(HOURS, st.integers(0, 300))
def test_they_take_no_more_room_than_they_may(hours, room):
    found = files(hours)
    left = [r for r in found if r not in respaldo.sobrantes(found, Plan(3660, 0, 0, room))]
    assert left[0] == found[0]
    assert not room or len(left) == 1 or sum(r.bytes for r in left) <= room


def test_what_a_killed_one_left_goes_with_the_next(house):
    folder = house.db.path.parent / "respaldos"
    folder.mkdir()
    for name in (".casa-20260101T000000Z.tar.gz.parcial", ".copia.db", ".copia.db-journal"):
        (folder / name).write_bytes(b"x" * 100)
    file, _ = made(house)
    assert [p.name for p in folder.iterdir()] == [file.ruta.name]


def test_a_restoration_that_was_killed_is_tried_again_but_not_for_ever(tmp_path):
    restauracion.pedir(tmp_path, tmp_path / "x", "ana", None)
    for _ in range(restauracion.INTENTOS):
        assert restauracion.pendiente(tmp_path)["archivo"] == str(tmp_path / "x")
    assert restauracion.pendiente(tmp_path) is None
    assert not (tmp_path / restauracion.PENDIENTE).exists()
    (tmp_path / restauracion.PENDIENTE).write_text("[]")
    assert restauracion.pendiente(tmp_path) is None


def test_sessions_end_with_a_restoration_accounts_and_tokens_stay(house):
    account = an_account(house.db, "ana", Rol.ADMINISTRADOR)
    account.session()
    account.bearer()
    file, _ = made(house)
    house.db.close()
    restauracion.restaurar(file.ruta, house.db.path, LATER)
    with House(house.db.path.parent) as again:
        assert again.rows("SELECT (SELECT count(*) FROM sesion), (SELECT count(*) FROM token)") == [(0, 1)]
