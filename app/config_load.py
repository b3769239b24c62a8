"""Loads the settings: `class Config` < instance/config.py < IOT_<NAME>; every fault is reported at once.

Only the composition root, the runtime and the command line import this module; the others take a `Settings`
(imported for typing only) or single values.
"""

from __future__ import annotations

import difflib
import os
import secrets
import sys
from dataclasses import dataclass, field, fields
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.config_net import is_any, is_loopback, lan_addresses, url_host
from app.config_parse import Valor, ValorNoValido, parse_value
from app.config_zona import machine_zone
from config import AJUSTES, PREFIJOS_APARTE, VARIABLES_APARTE, Config

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from config import Ajuste

PREFIX = "IOT_"
DEFAULT_SOURCE = "predeterminado"
GENERATED_SOURCE = "averiguado"
SECRET_FILE = "secret_key"  # noqa: S105 - a file name
CONFIG_FILE = "config.py"

_TABLE: dict[str, Ajuste] = {ajuste.nombre: ajuste for ajuste in AJUSTES}
_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with the configuration: which key, where it was read, what to write instead (Spanish)."""

    clave: str
    origen: str
    mensaje: str

    def __str__(self) -> str:
        return f"{self.clave} ({self.origen}): {self.mensaje}"


class ConfigError(Exception):
    """The configuration cannot be used; `faults` has every reason."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults: tuple[Fault, ...] = tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, typed and checked. The meaning and unit of each is in config.py's table."""

    secret_key: str = field(repr=False)
    sqlalchemy_database_uri: str
    sqlalchemy_track_modifications: bool
    house_timezone: str
    house_latitude: float | None
    house_longitude: float | None
    backend_host: str
    backend_port: int
    public_backend_url: str
    https_enabled: str
    https_port: int
    https_redirect: bool
    mqtt_broker_url: str
    mqtt_broker_port: int
    mqtt_keepalive: int
    mqtt_username: str
    mqtt_password: str = field(repr=False)
    mqtt_tls_enabled: bool
    mqtt_tls_ca: str
    mqtt_tls_cert: str
    mqtt_tls_key: str
    mqtt_tls_insecure: bool
    mqtt_client_id: str
    mqtt_listen_host: str
    mqtt_tls_port: int
    mqtt_listen_anonymous: bool
    mqtt_shared_topic: bool
    mqtt_embedded: str
    trusted_networks: tuple[str, ...]
    trusted_proxies: tuple[str, ...]
    allowed_hosts: tuple[str, ...]
    cors_origins: tuple[str, ...]
    ingest_device_rate: float
    ingest_batch_max: int
    ingest_linger_ms: int
    ingest_queue_max: int
    max_unclaimed: int
    unclaimed_ttl_days: float
    new_devices_per_min: float
    claims_per_min: float
    audit_max: int
    rejected_max: int
    command_grace_s: float
    order_ttl_s: float
    orders_kept: int
    history_raw_days: float
    history_5min_days: float
    history_hour_days: float
    history_day_days: float
    history_max_mb: int
    history_param_days: tuple[str, ...]
    history_deadband: tuple[str, ...]
    history_max_gap_s: float
    ballast_mb: int
    backup_every_h: float
    backup_dir: str
    backup_days: int
    backup_weeks: int
    backup_months: int
    backup_max_mb: int
    backup_passphrase: str = field(repr=False)
    notices_max: int
    notify_min_gravedad: str
    notify_webhook_url: str = field(repr=False)
    notify_webhook_secret: str = field(repr=False)
    notify_apprise_urls: tuple[str, ...] = field(repr=False)
    sse_ping_s: float
    sse_history_events: int
    sse_max_streams: int
    sse_max_streams_per_address: int
    sse_send_timeout_s: float
    http_threads: int
    http_queue_max: int
    http_max_connections: int
    http_header_timeout_s: float
    http_body_max: int
    log_level: str
    instance_path: Path  # from here on no settings: where it is, where each value came from, what deserves a warning
    origenes: Mapping[str, str] = field(repr=False)
    avisos: tuple[str, ...] = ()

    @property
    def database_path(self) -> Path:
        """The SQLite file, absolute; a relative one starts at the instance folder."""
        return self.instance_path / self.sqlalchemy_database_uri.removeprefix("sqlite:///")


def load_settings(
    environ: Mapping[str, str], instance_path: str | Path | None = None, *, create_secret: bool = True
) -> Settings:
    """The settings of this start. Raises `ConfigError` with every fault found.

    `instance_path` wins over IOT_INSTANCE_PATH, which wins over ./instance beside config.py.
    With `create_secret` false nothing is written: an unset SECRET_KEY that was never generated stays empty.
    """
    folder = resolve_instance_path(environ, instance_path)
    collector = _Collector(folder)
    collector.take_defaults()
    collector.take_file(folder / CONFIG_FILE)
    collector.take_environment(environ)
    collector.check_together()
    collector.derive(environ, create_secret=create_secret)
    if collector.faults:
        raise ConfigError(collector.faults)
    return collector.settings()


def resolve_instance_path(environ: Mapping[str, str], given: str | Path | None = None) -> Path:
    """The absolute instance folder; it may not exist yet."""
    chosen = given or environ.get("IOT_INSTANCE_PATH") or _ROOT / "instance"
    return Path(chosen).expanduser().absolute()


def table() -> tuple[Ajuste, ...]:
    """The settings in the order in which they are documented."""
    return AJUSTES


class _Collector:
    """Values, sources and faults while the sources are read, weakest first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.values: dict[str, Valor] = {}
        self.sources: dict[str, str] = {}
        self.faults: list[Fault] = []
        self.avisos: list[str] = []

    def take_defaults(self) -> None:
        for name in _TABLE:
            if not hasattr(Config, name):
                self._fault(name, CONFIG_FILE, "falta en class Config; vuelva a ponerla con su valor predeterminado")
        self._take_all(_upper_names(vars(Config)), DEFAULT_SOURCE)

    def take_file(self, path: Path) -> None:
        """Run instance/config.py; its own upper-case names, and those of its `class Config`, are settings."""
        try:
            code = path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            self._fault(CONFIG_FILE, str(path), f"no se puede leer: {error.strerror}")
            return
        namespace: dict[str, Any] = {"__file__": str(path), "__name__": "instance_config"}
        try:
            exec(compile(code, str(path), "exec", dont_inherit=True), namespace)  # noqa: S102 - the operator's own file
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the operator wrote
            self._fault(CONFIG_FILE, str(path), f"no se puede ejecutar{_where(error, path)}: {error!r}")
            return
        self._take_all(_file_values(namespace), str(path))

    def take_environment(self, environ: Mapping[str, str]) -> None:
        for variable in sorted(environ):
            if not variable.startswith(PREFIX) or variable in VARIABLES_APARTE:
                continue
            if not variable.startswith(PREFIJOS_APARTE):
                self._take(variable.removeprefix(PREFIX), environ[variable], f"variable {variable}")

    def check_together(self) -> None:
        """Rules over more than one setting; those whose parts are faulty already are left out."""
        value = self.values.get
        if value("MQTT_PASSWORD") and not value("MQTT_USERNAME"):
            self._fault_at("MQTT_PASSWORD", "hay contraseña pero no usuario; ponga también MQTT_USERNAME")
        if bool(value("MQTT_TLS_CERT")) != bool(value("MQTT_TLS_KEY")):
            self._fault_at("MQTT_TLS_CERT", "el certificado y su clave van juntos: MQTT_TLS_CERT y MQTT_TLS_KEY")
        for name in ("MQTT_TLS_CA", "MQTT_TLS_CERT", "MQTT_TLS_KEY"):
            self._check_file(name)
        if value("MQTT_TLS_ENABLED") and not value("MQTT_BROKER_URL"):
            self._fault_at("MQTT_TLS_ENABLED", "el TLS es para un broker propio; ponga también MQTT_BROKER_URL")
        if value("NOTIFY_WEBHOOK_SECRET") and not value("NOTIFY_WEBHOOK_URL"):
            self._fault_at("NOTIFY_WEBHOOK_SECRET", "hay clave pero no dirección; ponga también NOTIFY_WEBHOOK_URL")
        self._check_levels()
        if value("MQTT_EMBEDDED") == "siempre" and value("MQTT_BROKER_URL"):
            self._fault_at("MQTT_EMBEDDED", "«siempre» y MQTT_BROKER_URL se contradicen; quite uno de los dos")
        if {"HOUSE_LATITUDE", "HOUSE_LONGITUDE"} <= self.values.keys() and (
            (value("HOUSE_LATITUDE") is None) != (value("HOUSE_LONGITUDE") is None)
        ):
            self._fault_at("HOUSE_LATITUDE", "la latitud y la longitud van juntas; ponga las dos o ninguna")
        if not value("MQTT_BROKER_URL") and value("MQTT_BROKER_PORT") == value("BACKEND_PORT"):
            self._fault_at("MQTT_BROKER_PORT", "es el mismo puerto que BACKEND_PORT; cambie uno de los dos")
        if value("HTTPS_ENABLED") != "nunca" and "HTTPS_PORT" in self.values:
            self._check_https_port(value("HTTPS_PORT"))
        self._warn()

    def _check_levels(self) -> None:
        """What is longer must be kept at least as long as what it is made of: 0 is for ever."""
        names = ("HISTORY_RAW_DAYS", "HISTORY_5MIN_DAYS", "HISTORY_HOUR_DAYS", "HISTORY_DAY_DAYS")
        for shorter, longer in pairwise(names):
            days, more = self.values.get(shorter), self.values.get(longer)
            if more and days is not None and (days == 0 or days > more):  # type: ignore[operator]
                self._fault_at(longer, f"no puede ser menos que {shorter}: de lo corto se hace lo largo")

    def _check_https_port(self, port: Valor | None) -> None:
        for other in ("BACKEND_PORT", "MQTT_BROKER_PORT"):
            if self.values.get(other) == port and not (other == "MQTT_BROKER_PORT" and self.values["MQTT_BROKER_URL"]):
                self._fault_at("HTTPS_PORT", f"es el mismo puerto que {other}; cambie uno de los dos")

    def derive(self, environ: Mapping[str, str], *, create_secret: bool) -> None:
        """Values that are worked out when nobody set them."""
        if self.values.get("HOUSE_TIMEZONE") == "":
            self._derived("HOUSE_TIMEZONE", machine_zone(environ.get("TZ", "")))
        if not self.values.get("PUBLIC_BACKEND_URL") and "BACKEND_PORT" in self.values:
            self._derived("PUBLIC_BACKEND_URL", self._public_url())
        if not self.values.get("SECRET_KEY") and "SECRET_KEY" in self.values:
            self._derive_secret(create=create_secret)

    def settings(self) -> Settings:
        values: dict[str, Any] = {name.lower(): value for name, value in self.values.items()}
        return Settings(**values, instance_path=self.folder, origenes=dict(self.sources), avisos=tuple(self.avisos))

    def _take_all(self, raw: Mapping[str, object], source: str) -> None:
        for name, value in raw.items():
            self._take(name, value, source)

    def _take(self, name: str, raw: object, source: str) -> None:
        ajuste = _TABLE.get(name)
        if ajuste is None:
            self._fault(name, source, f"no existe ese ajuste{_closest(name)}")
            return
        try:
            self.values[name] = parse_value(ajuste, raw)
            self.sources[name] = source
        except ValorNoValido as error:
            shown = "" if ajuste.secreto else f"; se leyó {_shorten(raw)}"
            self._fault(name, source, f"{error}{shown}")

    def _check_file(self, name: str) -> None:
        text = self.values.get(name)
        if not text:
            return
        path = self.folder / Path(str(text)).expanduser()
        if path.is_file() and os.access(path, os.R_OK):
            self.values[name] = str(path)
        else:
            self._fault_at(name, f"no se puede leer el fichero {path}")

    def _warn(self) -> None:
        networks = self.values.get("TRUSTED_NETWORKS")
        if isinstance(networks, tuple) and any(network.endswith("/0") for network in networks):
            self.avisos.append("TRUSTED_NETWORKS deja entrar sin credenciales a cualquiera que llegue a este puerto.")
        listen = str(self.values.get("MQTT_LISTEN_HOST", ""))
        ours = not self.values.get("MQTT_BROKER_URL")
        if ours and listen and not is_loopback(listen) and self.values.get("MQTT_LISTEN_ANONYMOUS"):
            self.avisos.append(
                "MQTT_LISTEN_ANONYMOUS abre el broker a la red sin contraseña: "
                "cualquiera en ella puede hablar por un dispositivo que no tenga usuario propio."
            )
        if self.values.get("MQTT_TLS_INSECURE"):
            self.avisos.append("MQTT_TLS_INSECURE: no se comprueba con qué broker se habla.")

    def _public_url(self) -> str:
        host = str(self.values.get("BACKEND_HOST", "127.0.0.1"))
        if is_any(host):
            host = next(iter(lan_addresses()), "127.0.0.1")
        return f"http://{url_host(host)}:{self.values['BACKEND_PORT']}"

    def _derive_secret(self, *, create: bool) -> None:
        path = self.folder / SECRET_FILE
        try:
            key = read_or_create_secret(path) if create else _read_secret(path)
        except OSError as error:
            self._fault("SECRET_KEY", str(path), f"no se puede leer ni crear: {error.strerror or error}")
            return
        if key:
            self.values["SECRET_KEY"] = key
            self.sources["SECRET_KEY"] = str(path)

    def _derived(self, name: str, value: Valor) -> None:
        self.values[name] = value
        self.sources[name] = GENERATED_SOURCE

    def _fault(self, key: str, source: str, message: str) -> None:
        self.faults.append(Fault(key, source, message))

    def _fault_at(self, key: str, message: str) -> None:
        self._fault(key, self.sources.get(key, DEFAULT_SOURCE), message)


def read_or_create_secret(path: Path) -> str:
    """The key in `path`; made once, mode 0600, whole or not at all (two starts at once agree on one)."""
    existing = _read_secret(path)
    if existing:
        return existing
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48) + "\n")
            file.flush()
            os.fsync(file.fileno())
        _place(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    return _read_secret(path)


def _place(draft: Path, path: Path) -> None:
    """Give the draft its name unless somebody was faster; an empty file (an interrupted copy) is replaced."""
    try:
        os.link(draft, path)
    except FileExistsError:
        if not _read_secret(path):
            draft.replace(path)


def _read_secret(path: Path) -> str:
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return ""


def _file_values(namespace: Mapping[str, object]) -> dict[str, object]:
    values = _upper_names(namespace)
    declared = namespace.get("Config")
    if isinstance(declared, type):
        for base in reversed(declared.__mro__):
            if base not in {Config, object}:
                values |= _upper_names(vars(base))
    return values


def _upper_names(namespace: Mapping[str, object]) -> dict[str, object]:
    """Upper-case names are settings; a known name in lower case is a slip, and is reported by its own name."""
    return {
        name: value
        for name, value in namespace.items()
        if not name.startswith("_") and (name.isupper() or name.upper() in _TABLE)
    }


def _closest(name: str) -> str:
    if name.upper() in _TABLE:
        return f"; se escribe en mayúsculas: {name.upper()}"
    near = difflib.get_close_matches(name.upper(), _TABLE, n=1, cutoff=0.6)
    return f"; ¿quiso decir {near[0]}?" if near else "; ./iot config los enumera todos"


def _where(error: BaseException, path: Path) -> str:
    line = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else _line_in(error, path)
    return f" (línea {line})" if line else ""


def _line_in(error: BaseException, path: Path) -> int | None:
    step, line = error.__traceback__, None
    while step is not None:
        if step.tb_frame.f_code.co_filename == str(path):
            line = step.tb_lineno
        step = step.tb_next
    return line


def _shorten(raw: object) -> str:
    return text if len(text := repr(raw)) <= 60 else f"{text[:57]}..."


if {setting.name.upper() for setting in fields(Settings)} - {"INSTANCE_PATH", "ORIGENES", "AVISOS"} != set(_TABLE):
    sys.exit("config.py and app/config_load.py do not name the same settings")  # a programming error, caught at once
