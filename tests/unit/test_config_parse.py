"""Each kind of setting: what it accepts, what it answers to everything else."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config_parse import ValorNoValido, parse_value
from config import AJUSTES, Config

TABLE = {ajuste.nombre: ajuste for ajuste in AJUSTES}


def parse(name: str, raw: object) -> object:
    return parse_value(TABLE[name], raw)


@pytest.mark.parametrize(
    ("name", "raw", "value"),
    [
        ("BACKEND_PORT", "5001", 5001),
        ("BACKEND_PORT", " 5001 ", 5001),
        ("BACKEND_PORT", 5001.0, 5001),
        ("INGEST_DEVICE_RATE", "0", 0.0),
        ("INGEST_DEVICE_RATE", "2.5", 2.5),
        ("INGEST_DEVICE_RATE", 7, 7.0),
        ("MQTT_TLS_ENABLED", "sí", True),
        ("MQTT_TLS_ENABLED", "SI", True),
        ("MQTT_TLS_ENABLED", 1, True),
        ("MQTT_TLS_ENABLED", "no", False),
        ("MQTT_TLS_ENABLED", "False", False),
        ("TRUSTED_NETWORKS", "", ()),
        ("TRUSTED_NETWORKS", None, ()),
        ("TRUSTED_NETWORKS", "127.0.0.0/8, 192.168.1.0/24", ("127.0.0.0/8", "192.168.1.0/24")),
        ("TRUSTED_NETWORKS", '["::1", "10.0.0.0/8"]', ("::1/128", "10.0.0.0/8")),
        ("TRUSTED_NETWORKS", ["10.1.2.3", "10.1.2.3"], ("10.1.2.3/32",)),
        ("ALLOWED_HOSTS", "Casa.Local.,otra", ("casa.local", "otra")),
        ("MQTT_BROKER_URL", "broker.casa.local", "broker.casa.local"),
        ("MQTT_BROKER_URL", "fe80::1", "fe80::1"),
        ("MQTT_BROKER_URL", "mi_broker", "mi_broker"),
        ("MQTT_EMBEDDED", "NUNCA", "nunca"),
        ("LOG_LEVEL", "debug", "DEBUG"),
        ("BACKEND_HOST", "localhost", "127.0.0.1"),
        ("BACKEND_HOST", "::", "::"),
        ("PUBLIC_BACKEND_URL", "https://casa.example/", "https://casa.example"),
        ("PUBLIC_BACKEND_URL", "http://[::1]:5000", "http://[::1]:5000"),
        ("NOTIFY_WEBHOOK_URL", " https://a.b/c?d=%20e ", "https://a.b/c?d=%20e"),
        ("SQLALCHEMY_DATABASE_URI", "sqlite:////srv/iot.db", "sqlite:////srv/iot.db"),
        ("MQTT_PASSWORD", "  con espacios  ", "  con espacios  "),
        ("MQTT_USERNAME", None, ""),
    ],
)
def test_accepted(name: str, raw: object, value: object) -> None:
    """What a person may reasonably write is understood."""
    assert parse(name, raw) == value


@pytest.mark.parametrize(
    ("name", "raw", "says"),
    [
        ("BACKEND_PORT", "0", "de 1 a 65535"),
        ("BACKEND_PORT", "65536", "de 1 a 65535"),
        ("BACKEND_PORT", "5_000", "número entero"),
        ("BACKEND_PORT", "٥٠٠٠", "número entero"),
        ("BACKEND_PORT", True, "número entero"),
        ("BACKEND_PORT", 5000.5, "número entero"),
        ("BACKEND_PORT", "", "número entero"),
        ("BACKEND_PORT", "9" * 5000, "número entero"),
        ("INGEST_DEVICE_RATE", "nan", "un número"),
        ("INGEST_DEVICE_RATE", "1e999", "un número"),
        ("INGEST_DEVICE_RATE", "-1", "un número"),
        ("INGEST_DEVICE_RATE", "1_0", "un número"),
        ("MQTT_TLS_ENABLED", "quizás", "sí o no"),
        ("MQTT_TLS_ENABLED", "", "sí o no"),
        ("MQTT_TLS_ENABLED", 2, "sí o no"),
        ("TRUSTED_NETWORKS", "192.168.1.5/24", "¿quiso decir 192.168.1.0/24?"),
        ("TRUSTED_NETWORKS", "mi casa", "no es una red"),
        ("TRUSTED_NETWORKS", "[1, 2]", "lista de textos"),
        ("TRUSTED_NETWORKS", "[", "no está bien escrita"),
        ("TRUSTED_NETWORKS", 7, "una lista"),
        ("ALLOWED_HOSTS", "http://casa", "no es un nombre de equipo"),
        ("ALLOWED_HOSTS", "casa:5000", "no es un nombre de equipo"),
        ("MQTT_BROKER_URL", "mqtt://broker", "sin mqtt:// ni puerto"),
        ("MQTT_BROKER_URL", "broker:1883", "sin mqtt:// ni puerto"),
        ("MQTT_BROKER_URL", "300.1.2.3", "una dirección IP"),
        ("MQTT_BROKER_URL", "a b", "una dirección IP"),
        ("MQTT_EMBEDDED", "a veces", "auto, nunca, siempre"),
        ("BACKEND_HOST", "casa.local", "una dirección IP de esta máquina"),
        ("BACKEND_HOST", "", "una dirección IP de esta máquina"),
        ("NOTIFY_WEBHOOK_URL", "http://", "una dirección como"),
        ("NOTIFY_WEBHOOK_URL", "ftp://a/", "una dirección como"),
        ("NOTIFY_WEBHOOK_URL", "http://a b/", "una dirección como"),
        ("NOTIFY_WEBHOOK_URL", "http://a/#x", "una dirección como"),
        ("NOTIFY_WEBHOOK_URL", "http://a/?ñ", "una dirección como"),
        ("NOTIFY_WEBHOOK_URL", "http://yo:clave" + "@casa/", "una dirección como"),
        ("NOTIFY_WEBHOOK_URL", "http://a:99999/", "una dirección como"),
        ("NOTIFY_WEBHOOK_URL", "http://a/?x\x01y", "caracteres de control"),
        ("PUBLIC_BACKEND_URL", "192.168.1.10:5000", "una dirección como"),
        ("PUBLIC_BACKEND_URL", "ftp://casa", "una dirección como"),
        ("PUBLIC_BACKEND_URL", "http://yo:clave" + "@casa", "una dirección como"),
        ("PUBLIC_BACKEND_URL", "http://casa:99999", "una dirección como"),
        ("SQLALCHEMY_DATABASE_URI", "postgresql://casa/iot", "solo se admite SQLite"),
        ("SQLALCHEMY_DATABASE_URI", "sqlite:///:memory:", "un fichero"),
        ("SQLALCHEMY_DATABASE_URI", "sqlite://", "un fichero"),
        ("SECRET_KEY", "dev-secret-key", "clave de ejemplo"),
        ("SECRET_KEY", "corta", "demasiado corta"),
        ("MQTT_CLIENT_ID", "casa/#", "de 1 a 64 letras"),
        ("MQTT_USERNAME", "a\nb", "caracteres de control"),
        ("MQTT_USERNAME", 5, "un texto"),
        ("HOUSE_TIMEZONE", "Madrid", "zona horaria"),
        ("HOUSE_TIMEZONE", "../../etc/passwd", "zona horaria"),
        ("HOUSE_LATITUDE", "91", "de -90 a 90"),
        ("HOUSE_LONGITUDE", "norte", "de -180 a 180"),
    ],
)
def test_refused(name: str, raw: object, says: str) -> None:
    """What cannot be used is refused with a sentence that says what was expected."""
    with pytest.raises(ValorNoValido, match=says.replace("?", r"\?").replace("¿", "¿")):
        parse(name, raw)


@given(st.sampled_from(AJUSTES), st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.lists(st.text())))
def test_nothing_else_comes_out(ajuste: object, raw: object) -> None:
    """Whatever is written: a value of the kind, or `ValorNoValido`; and what came out goes in again unchanged."""
    assert dataclasses.is_dataclass(ajuste)
    try:
        value = parse(ajuste.nombre, raw)  # type: ignore[attr-defined]
    except ValorNoValido:
        return
    if value is None:
        assert ajuste.tipo == "coordenada"  # type: ignore[attr-defined]
        return
    default = parse(ajuste.nombre, getattr(Config, ajuste.nombre))  # type: ignore[attr-defined]
    assert isinstance(value, float if default is None else type(default))
    assert parse(ajuste.nombre, value) == value  # type: ignore[attr-defined]


def test_the_table_is_the_class() -> None:
    """Every default has a row and passes its own check; every row has a default and a meaning."""
    names = {name for name in vars(Config) if name.isupper()}
    assert names == set(TABLE)
    for ajuste in AJUSTES:
        parse(ajuste.nombre, getattr(Config, ajuste.nombre))
        assert ajuste.ayuda.endswith(".")
