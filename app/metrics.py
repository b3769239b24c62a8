"""The numbers of /metrics, in Prometheus' text format.

They are read from the parts when somebody asks, so counting costs the parts nothing. Labels are of a fixed set: never a
device, an address or a path, of which a house (or an attacker) can make any number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Serie(NamedTuple):
    """One number: the part and key it is read from, its name, kind, help and, when it has one, its label."""

    parte: str
    clave: str
    nombre: str
    clase: Literal["counter", "gauge"]
    ayuda: str
    etiqueta: tuple[str, str] | None = None


def _counter(parte: str, clave: str, nombre: str, ayuda: str, etiqueta: tuple[str, str] | None = None) -> Serie:
    return Serie(parte, clave, nombre, "counter", ayuda, etiqueta)


def _gauge(parte: str, clave: str, nombre: str, ayuda: str, etiqueta: tuple[str, str] | None = None) -> Serie:
    return Serie(parte, clave, nombre, "gauge", ayuda, etiqueta)


_FATES = ("guardados", "duplicados", "rechazados", "limitados", "retenidos", "ignorados")

SERIES: tuple[Serie, ...] = (
    _counter("ingesta", "recibidos", "iot_mensajes_recibidos", "Messages taken from the broker."),
    *[_counter("ingesta", k, "iot_mensajes", "Messages by what became of them.", ("destino", k)) for k in _FATES],
    _counter("ingesta", "lotes", "iot_lotes", "Batches committed."),
    _counter("ingesta", "reintentos", "iot_reintentos", "Batches that had to be tried again (locked, disk full)."),
    _gauge("ingesta", "en_cola", "iot_mensajes_en_cola", "Messages that wait to be stored."),
    _gauge("ingesta", "viva", "iot_ingesta_viva", "1 while the committing thread runs."),
    _gauge("horarios", "vivo", "iot_horarios_vivo", "1 while the scheduler runs."),
    _gauge("horarios", "guiados", "iot_horarios_dispositivos", "Devices whose schedule the backend drives."),
    _counter("horarios", "pedidos", "iot_horarios_pedidos", "Changes that schedules asked for."),
    _counter("horarios", "repetidos", "iot_horarios_repetidos", "Of these, asked again of a device that disagrees."),
    _counter("horarios", "fallos", "iot_horarios_fallos", "Looks of the scheduler that failed."),
    _gauge("reglas", "vivo", "iot_reglas_vivo", "1 while the rules are followed."),
    _gauge("reglas", "activas", "iot_reglas", "Rules that are switched on."),
    _counter("reglas", "disparos", "iot_reglas_disparos", "Times that a rule was carried out."),
    _counter("reglas", "omitidos", "iot_reglas_omitidos", "Times that one was met and not carried out: a loop."),
    *[
        _counter(door, k, "iot_avisos_salida", "Notices by what became of them at a door.", ("destino", f"{door}_{k}"))
        for door in ("webhook", "apprise")
        for k in ("enviados", "abandonados")
    ],
    *[
        _gauge(door, "por_enviar", "iot_avisos_por_enviar", "Notices that wait at a door.", ("puerta", door))
        for door in ("webhook", "apprise")
    ],
    *[
        _gauge("conectividad", k, "iot_dispositivos", "Devices by liveness.", ("conectividad", k))
        for k in ("en_linea", "dudoso", "fuera", "desconocido")
    ],
    _gauge("mqtt", "conectado", "iot_mqtt_conectado", "1 while the broker is heard."),
    _counter("mqtt", "conexiones", "iot_mqtt_conexiones", "Connections that the broker accepted."),
    _gauge(
        "mqtt", "deseadas_pendientes", "iot_deseadas_pendientes", "Desired configurations the broker has not confirmed."
    ),
    _counter("base_de_datos", "commits", "iot_commits", "Transactions committed."),
    _gauge("base_de_datos", "bytes", "iot_base_de_datos_bytes", "Size of the database file."),
    _gauge("base_de_datos", "responde", "iot_base_de_datos_responde", "1 while the database answers."),
    _gauge("disco", "libre_bytes", "iot_disco_libre_bytes", "Free bytes on the disk of the data."),
    _gauge("flujos", "lectores", "iot_flujos_abiertos", "Open live streams."),
    _counter("flujos", "abiertas", "iot_flujos", "Live streams opened."),
    _counter("flujos", "rechazadas", "iot_flujos_rechazados", "Live streams refused because a bound was reached."),
    _counter("flujos", "reanudadas", "iot_flujos_reanudados", "Live streams resumed by id."),
    _counter("flujos", "resets", "iot_flujos_reset", "Readers told to read everything again."),
    _counter("flujos", "agrupadas", "iot_eventos_agrupados", "Events a lagging reader got as part of a later one."),
    _gauge("flujos", "ultimo_evento", "iot_ultimo_evento", "Number of the last event."),
    _gauge("flujos", "historial_eventos", "iot_historial_eventos", "Events kept for resuming."),
    _gauge("flujos", "historial_bytes", "iot_historial_bytes", "Estimated bytes of these events."),
    _gauge("http", "conexiones", "iot_http_conexiones", "Open HTTP connections."),
    _gauge("http", "en_proceso", "iot_http_en_proceso", "Requests being answered or waiting for a thread."),
    _gauge("http", "en_cola", "iot_http_en_cola", "Requests that wait for a thread."),
    *[
        _counter("http", f"respuestas_{k}xx", "iot_http_respuestas", "Answers by class.", ("clase", f"{k}xx"))
        for k in range(2, 6)
    ],
    _counter("http", "rechazadas_ocupado", "iot_http_rechazadas", "Requests refused because too many waited."),
    _counter("http", "rechazadas_conexion", "iot_http_conexiones_rechazadas", "Connections refused for want of room."),
    _counter("http", "fallos_accept", "iot_http_fallos_accept", "Times that accept() failed (out of descriptors)."),
    _counter("http", "lectores_lentos", "iot_http_lectores_lentos", "Connections closed for not reading their answer."),
    _gauge("esperas", "ocupadas", "iot_esperas", "Requests that wait for the proof of an order."),
    _gauge("http", "bytes_por_enviar", "iot_http_bytes_por_enviar", "Bytes that wait for a peer to read them."),
)


class Metricas:
    """Makes the text. The library is imported with the first question: most houses never ask."""

    def __init__(self, partes: Callable[[], Mapping[str, Any]]) -> None:
        self._partes = partes
        self._registry: CollectorRegistry | None = None

    def render(self) -> bytes:
        """The exposition text."""
        from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

        if self._registry is None:
            self._registry = CollectorRegistry(auto_describe=False)
            self._registry.register(self)
            ProcessCollector(registry=self._registry)
        return generate_latest(self._registry)

    def describe(self) -> list[Metric]:
        """Nothing in advance; the registry asks."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Families from the parts that run here; a number that a part does not give is left out."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        partes = self._partes()
        families: dict[str, Metric] = {}
        for serie in SERIES:
            value = (partes.get(serie.parte) or {}).get(serie.clave)
            if not isinstance(value, int | float):
                continue
            labels = [serie.etiqueta[0]] if serie.etiqueta else []
            family = families.get(serie.nombre)
            if family is None:
                kind = CounterMetricFamily if serie.clase == "counter" else GaugeMetricFamily
                family = families[serie.nombre] = kind(serie.nombre, serie.ayuda, labels=labels)
            family.add_metric([serie.etiqueta[1]] if serie.etiqueta else [], float(value))  # type: ignore[attr-defined]
        yield from families.values()
