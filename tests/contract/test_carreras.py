"""Both doors at once: the invariant holds at every version that anybody saw, and versions have no holes."""

from __future__ import annotations

import threading

import pytest

from tests.support.mqtt import own_topic


def test_put_races_reports(backend, http, mqtt, detectar, serial):
    """PUTs switch while reports say otherwise; every event on the stream keeps estado == encendido."""
    device = detectar(serial, estado="activo")
    path = f"/dispositivos/{device['id']}"
    failures: list[object] = []

    def edit(mode: str) -> None:
        for n in range(30):
            body = {"configuracion": {"modo": mode, "encendido": n % 2 == 0}} if n % 3 else {"estado": "inactivo"}
            answer = http.put(path, body)
            if answer.status != 200:
                failures.append((answer.status, answer.body))

    with backend.sse(f"?serial={serial}") as stream:
        stream.hello()
        editors = [threading.Thread(target=edit, args=(mode,)) for mode in ("manual", "horario", "manual")]
        for editor in editors:
            editor.start()
        for n in range(150):
            report = {"estado": "activo" if n % 2 else "inactivo", "parametros": {"n": n}}
            if n % 5 == 0:
                report["configuracion"] = {"encendido": n % 3 == 0, "modo": "manual" if n % 2 else "horario"}
            mqtt.publish(own_topic(serial), report, wait=n % 10 == 0)
        for editor in editors:
            editor.join(30)
        assert failures == []
        seen = [stream.update().json for _ in range(240)]
    assert [s["version"] for s in seen] == list(range(2, 242))
    for state in seen:
        assert (state["estado"] == "activo") == (state["configuracion"]["encendido"] is True), state
    final = http.get(path).json
    assert {k: v for k, v in seen[-1].items() if k != "event"} == final, "at rest GET is the last event"


def test_if_match_race_has_one_winner(http, detectar):
    """Twenty people edit the same version: one 200, the others 412, and the winner's name stands."""
    path = f"/dispositivos/{detectar()['id']}"
    tag = http.get(path).etag
    answers: dict[str, int] = {}

    def edit(name: str) -> None:
        answers[name] = http.put(path, {"nombre": name}, headers={"If-Match": tag}).status

    editors = [threading.Thread(target=edit, args=(f"p{n}",)) for n in range(20)]
    for editor in editors:
        editor.start()
    for editor in editors:
        editor.join(30)
    assert sorted(answers.values()) == [200] + [412] * 19
    assert answers[http.get(path).json["nombre"]] == 200


def test_a_burst_of_parallel_requests_is_served(http, detectar):
    """Eighty requests at once over eight threads: all 200, none 5xx."""
    from concurrent.futures import ThreadPoolExecutor

    path = f"/dispositivos/{detectar()['id']}"
    with ThreadPoolExecutor(40) as pool:
        statuses = list(
            pool.map(lambda n: (http.put(path, {"nombre": f"n{n}"}) if n % 2 else http.get(path)).status, range(80))
        )
    assert statuses == [200] * 80


@pytest.mark.parametrize("name", ["habitaciones", "grupos", "escenas"])
def test_deleted_while_it_is_used(http, detectar, serial, name):
    """A room, a group, a scene is deleted while ten people use it: done, or not there any more, and nothing between."""
    device = detectar(estado="inactivo")["id"]
    body = {
        "habitaciones": {},
        "grupos": {"dispositivos": [device]},
        "escenas": {"acciones": [{"dispositivo_id": device, "configuracion": {"encendido": True}}]},
    }[name]
    made = http.post(f"/{name}", {"nombre": serial, **body}).json["id"]
    if name == "habitaciones":
        http.put(f"/dispositivos/{device}", {"habitacion_id": made})
    whom = {"habitaciones": "habitacion_id", "grupos": "grupo_id"}.get(name)
    answers = []

    def use() -> None:
        for on in (True, False) * 3:
            if whom is None:
                answers.append(http.post(f"/escenas/{made}/aplicar"))
            else:
                answers.append(http.post("/ordenes", {whom: made, "cambios": {"encendido": on}}))

    threads = [threading.Thread(target=use) for _ in range(10)]
    for thread in threads:
        thread.start()
    assert http.request("DELETE", f"/{name}/{made}").status == 204
    for thread in threads:
        thread.join()
    assert {a.status for a in answers} <= {200, 404 if whom is None else 422}
    done = [r for a in answers if a.status == 200 for r in a.json["resultados"]]
    assert {r["resultado"] for r in done} <= {"creada", "sin_cambio"}
    found = http.get(f"/dispositivos/{device}").json
    assert found["habitacion_id"] is None
    assert (found["estado"] == "activo") is bool(found["configuracion"].get("encendido"))
