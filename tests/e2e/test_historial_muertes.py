"""Killed again and again while it summarises a long log, a house ends with exactly the summaries of its rows."""

from __future__ import annotations

import random

from app import bloques
from app.db import raw
from app.domain.niveles import DIA, HORA, sello_de
from tests.integration.test_resumidor import same
from tests.support.historial import HouseWithHistory, expected, stored
from tests.support.procesos import wait_until

ROWS, KILLS = 30_000, 4


def test_killed_while_it_summarises(tmp_path, own_parts):
    backend = own_parts.backend(own_parts.mosquitto(), start=False)
    backend.instance.mkdir(parents=True)
    chance = random.Random(5)
    with HouseWithHistory(backend.instance) as house:
        house.log(
            (
                1 + i % 3,
                "activo" if i % 7 else "inactivo",
                {"t": i % 11},
                sello_de(1_790_000_000 + i * 400 - i % 5 * 900),
            )
            for i in range(ROWS)
        )
    seen = []
    for _ in range(KILLS):
        backend.start(wait_mqtt=False)
        before = told(backend)
        wait_until(lambda before=before: told(backend) > before, 20, "a slice was taken")
        wait_until(lambda: chance.random() < 0.2, 20, "a moment by chance")
        backend.kill()
        seen.append(told(backend))
    assert seen == sorted(seen)
    assert seen[0] < ROWS
    with HouseWithHistory(backend.instance) as house:
        house.settle()
        with house.db.reader() as conn:
            assert raw(conn).execute("PRAGMA integrity_check").fetchone() == ("ok",)
        same(stored(house), expected(house, "Europe/Madrid"))


def told(backend):
    return backend.query("SELECT valor FROM casa WHERE clave = 'historial_hasta'")[0][0]


def test_killed_while_it_purges(tmp_path, own_parts):
    """Short of room, and killed again and again while rows go: hours and days stay as all the rows made them, and what
    is left of the log is whole blocks, counted right."""
    backend = own_parts.backend(own_parts.mosquitto(), start=False, HISTORY_MAX_MB=4)
    backend.instance.mkdir(parents=True)
    with HouseWithHistory(backend.instance) as house:
        filler = "x" * 150
        said = ((1 + i % 3, {"t": i % 11, "f": filler}, sello_de(1_790_000_000 + i * 60)) for i in range(ROWS))
        house.log((device, "activo", parametros, stamp) for device, parametros, stamp in said)
        house.settle()
        wanted = {key: r for key, r in expected(house, "Europe/Madrid").items() if key[2] in (HORA, DIA)}
    left, chance = [ROWS], random.Random(7)
    while left[-1] > 1000 and len(left) < 12:
        backend.start(wait_mqtt=False)
        wait_until(lambda: rows(backend) < left[-1] or backend.database.stat().st_size < 4 << 20, 30, "some rows went")
        wait_until(lambda: chance.random() < 0.2, 20, "a moment by chance")
        backend.kill()
        if rows(backend) == left[-1]:
            break
        left.append(rows(backend))
    assert len(left) > 2, "it was killed while it purged"
    with HouseWithHistory(backend.instance) as house:
        house.settle()
        with house.db.reader() as conn:
            assert raw(conn).execute("PRAGMA integrity_check").fetchone() == ("ok",)
            for device in (1, 2, 3):
                sql = "SELECT count(*) FROM estado_log WHERE dispositivo_id = ?"
                total = raw(conn).execute(sql, (device,)).fetchone()
                page = bloques.pagina(conn, device, page=1, per_page=50)
                assert (page.total,) == total
                last = bloques.pagina(conn, device, page=page.pages, per_page=50)
                assert len(last.data) == page.total - 50 * (page.pages - 1)
        same({key: r for key, r in stored(house).items() if key[2] in (HORA, DIA)}, wanted)


def rows(backend):
    return backend.query("SELECT count(*) FROM estado_log")[0][0]
