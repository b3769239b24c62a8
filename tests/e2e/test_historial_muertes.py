"""Killed again and again while it summarises a long log, a house ends with exactly the summaries of its rows."""

from __future__ import annotations

import random

from app.db import raw
from app.domain.niveles import sello_de
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
