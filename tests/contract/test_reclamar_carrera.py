"""Fifty people claim the same device at the same time, two hundred times: one of them has it, each knows it rightly."""

from __future__ import annotations

import http.client
import json
import threading

import pytest

from app.db import raw
from app.domain.identidad import Rol
from tests.support.credenciales import an_account
from tests.support.edge import running

PEOPLE, ROUNDS = 50, 200


@pytest.fixture
def edge(tmp_path):
    with running(None, tmp_path, http_threads=8) as found:
        yield found


@pytest.fixture
def people(edge):
    """Name -> its ``Authorization``."""
    db = edge.services.db
    names = [f"p{n}" for n in range(PEOPLE)]
    return {name: an_account(db, name, Rol.MIEMBRO).bearer()["Authorization"] for name in names}


def claim_all(edge, people, serials):
    """Each person, on a connection of their own, claims each device when all others do; name -> [(status, body)]."""
    together = threading.Barrier(len(people))
    answers = {name: [] for name in people}

    def person(name):
        connection = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=30)
        headers = {"Content-Type": "application/json"}
        if people[name] is not None:
            headers["Authorization"] = people[name]
        try:
            for serial in serials:
                together.wait(30)
                connection.request("POST", "/dispositivos/reclamar", json.dumps({"serial_number": serial}), headers)
                answer = connection.getresponse()
                answers[name].append((answer.status, json.loads(answer.read())))
        finally:
            connection.close()

    threads = [threading.Thread(target=person, args=(name,)) for name in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return answers


def detect(db, serials):
    with db.unit_of_work() as uow:
        from app.dispositivos import blank, insert_new

        insert_new(uow, [blank(s, "2026-11-23T14:00:00.000000Z") for s in serials])


@pytest.mark.timeout(180)
def test_one_winner_each(edge, people):
    serials = [f"CARRERA{n:03}" for n in range(ROUNDS)]
    detect(edge.services.db, serials)
    answers = claim_all(edge, people, serials)
    with edge.services.db.reader() as conn:
        sql = (
            "SELECT d.serial_number, u.nombre FROM reclamacion r JOIN dispositivo d ON d.id = r.dispositivo_id "
            "JOIN usuario u ON u.id = r.usuario_id WHERE d.reclamado"
        )
        owners = dict(raw(conn).execute(sql).fetchall())
        sql = "SELECT quien, objeto FROM auditoria WHERE accion = 'dispositivo_reclamado'"
        told = raw(conn).execute(sql).fetchall()
    assert len(owners) == ROUNDS
    for n, serial in enumerate(serials):
        won = [name for name in people if answers[name][n][0] == 200]
        lost = {(answers[name][n][0], answers[name][n][1]["codigo"]) for name in people if name not in won}
        assert won == [owners[serial]]
        assert lost == {(409, "dispositivo_ya_reclamado")}
    expected = sorted((f"{owner} (token prueba)", serial) for serial, owner in owners.items())
    assert sorted(told) == expected, "each claim is told once"
    winner = owners[serials[0]]
    again = claim_all(edge, {winner: people[winner]}, serials[:1])[winner]
    assert again == [answers[winner][0]], "the winner may ask again: the same answer"


def test_without_accounts_the_second_is_refused_too(edge):
    """The README's contract: claimed from the trusted network, by anybody of it, is claimed."""
    detect(edge.services.db, ["SOLO1"])
    answers = claim_all(edge, {f"anonimo{n}": None for n in range(20)}, ["SOLO1", "SOLO1"])
    statuses = sorted(status for each in answers.values() for status, _ in each)
    assert statuses == [200] + [409] * 39
    assert {body["error"] for each in answers.values() for status, body in each if status == 409} == {
        "El dispositivo ya fue reclamado previamente"
    }
