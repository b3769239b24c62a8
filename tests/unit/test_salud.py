"""The health document and the metrics, from what the parts say."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app import salud
from app.metrics import SERIES, Metricas

WELL: dict[str, Any] = {
    "version": "1",
    "base_de_datos": {"responde": True, "commits": 5},
    "mqtt": {"conectado": True, "debilidades": ["el broker incluido es para probar"]},
    "ingesta": {"viva": True, "en_cola": 0, "fallo": None, "recibidos": 7, "guardados": 6, "duplicados": 1},
    "flujos": {"lectores": 2},
    "http": {"conexiones": 3, "conexiones_max": 100, "respuestas_2xx": 9, "respuestas_4xx": 1},
    "disco": {"libre_bytes": 10 << 30, "total_bytes": 20 << 30},
    "reloj": {"ahora": "2026-11-23T00:00:00Z"},
    "avisos": ["TRUSTED_NETWORKS deja entrar a la red"],
}


def test_all_is_well():
    found = salud.documento(WELL)
    assert (found["estado"], found["lista"], found["resumen"]) == ("bien", True, "Todo funciona")
    assert found["mqtt"]["conectado"] is True
    assert found["puntos_debiles"] == ["el broker incluido es para probar", "TRUSTED_NETWORKS deja entrar a la red"]


@pytest.mark.parametrize(
    ("parte", "values", "estado", "lista"),
    [
        ("base_de_datos", {"responde": False, "fallo": "ocupada"}, "mal", False),
        ("base_de_datos", {"responde": True, "fallo": "disco lleno"}, "degradado", True),
        ("mqtt", {"conectado": False}, "degradado", True),
        ("ingesta", {"viva": False}, "mal", False),
        ("ingesta", {"viva": True, "fallo": "no se puede guardar"}, "degradado", True),
        ("ingesta", {"viva": True, "en_cola": 9000}, "degradado", True),
        ("http", {"conexiones": 100, "conexiones_max": 100}, "degradado", True),
        ("disco", {"libre_bytes": 1 << 20, "total_bytes": 20 << 30}, "degradado", True),
        ("reloj", {"ahora": "1970-01-01T00:00:05Z"}, "degradado", True),
        ("horarios", {"vivo": False}, "mal", True),
        ("horarios", {"vivo": True, "sin_hora": True}, "degradado", True),
        ("horarios", {"vivo": True, "fallo": "la base de datos está ocupada"}, "degradado", True),
    ],
    ids=str,
)
def test_what_ails_is_named(parte, values, estado, lista):
    found = salud.documento({**WELL, parte: values})
    assert (found["estado"], found["lista"], found[parte]["estado"]) == (estado, lista, estado)
    assert found[parte]["detalle"] in found["resumen"]
    assert salud.preparacion({**WELL, parte: values})["lista"] is lista


def test_stopping_is_not_ready():
    assert salud.preparacion({**WELL, "parando": True})["lista"] is False


def test_a_part_that_does_not_run_here_is_not_judged():
    found = salud.documento({"version": "1"})
    assert (found["estado"], found["lista"]) == ("bien", True)
    assert "mqtt" not in found


def test_metrics_are_the_parts_numbers():
    text = Metricas(lambda: WELL).render().decode()
    values = {(s.name, *s.labels.values()): s.value for f in text_string_to_metric_families(text) for s in f.samples}
    assert values["iot_mensajes_recibidos_total",] == 7
    assert values["iot_mensajes_total", "guardados"] == 6
    assert values["iot_http_respuestas_total", "4xx"] == 1
    assert values["iot_mqtt_conectado",] == 1
    assert values["process_resident_memory_bytes",] > 0
    assert ("iot_flujos_total",) not in values


def test_metric_labels_are_of_a_fixed_set():
    for serie in SERIES:
        assert serie.etiqueta is None or serie.etiqueta[0] in ("destino", "clase", "conectividad", "puerta")
    kinds: dict[str, set[str]] = {}
    for serie in SERIES:
        kinds.setdefault(serie.nombre, set()).add(serie.clase)
    assert all(len(found) == 1 for found in kinds.values())
