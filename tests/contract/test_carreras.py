"""Both doors at once: the invariant holds at every version that anybody saw, and versions have no holes."""

from __future__ import annotations

import threading

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
