"""The program's settings: `class Config` holds the defaults, `AJUSTES` says what each one means.

A house changes them without touching this file: in `instance/config.py` (same names) or with the environment
variable `IOT_<NAME>`. `./iot config` prints every value and where it comes from.
"""

from __future__ import annotations

from dataclasses import dataclass


class Config:
    """Default values. The weakest source: instance/config.py and IOT_* win over them."""

    # Storage
    SECRET_KEY = ""
    SQLALCHEMY_DATABASE_URI = "sqlite:///iot.db"
    SQLALCHEMY_TRACK_MODIFICATIONS = False

    # The house
    HOUSE_TIMEZONE = ""
    HOUSE_LATITUDE = ""
    HOUSE_LONGITUDE = ""

    # HTTP
    BACKEND_HOST = "0.0.0.0"
    BACKEND_PORT = 5000
    PUBLIC_BACKEND_URL = ""
    HTTPS_ENABLED = "auto"
    HTTPS_PORT = 5443
    HTTPS_REDIRECT = False

    # MQTT
    MQTT_BROKER_URL = ""
    MQTT_BROKER_PORT = 1883
    MQTT_KEEPALIVE = 60
    MQTT_USERNAME = ""
    MQTT_PASSWORD = ""
    MQTT_TLS_ENABLED = False
    MQTT_TLS_CA = ""
    MQTT_TLS_CERT = ""
    MQTT_TLS_KEY = ""
    MQTT_TLS_INSECURE = False
    MQTT_CLIENT_ID = "iot-backend"
    MQTT_LISTEN_HOST = "127.0.0.1"
    MQTT_TLS_PORT = 8883
    MQTT_LISTEN_ANONYMOUS = False
    MQTT_SHARED_TOPIC = True
    MQTT_EMBEDDED = "auto"

    # Who gets in
    TRUSTED_NETWORKS = ("127.0.0.0/8", "::1/128")
    TRUSTED_PROXIES: tuple[str, ...] = ()
    ALLOWED_HOSTS: tuple[str, ...] = ()
    CLAIMS_PER_MIN = 120.0
    AUDIT_MAX = 100_000
    CORS_ORIGINS: tuple[str, ...] = ()

    # Ingest
    INGEST_DEVICE_RATE = 20.0
    INGEST_BATCH_MAX = 500
    INGEST_QUEUE_MAX = 20_000
    INGEST_LINGER_MS = 0
    MAX_UNCLAIMED = 1_000
    UNCLAIMED_TTL_DAYS = 30.0
    NEW_DEVICES_PER_MIN = 60.0
    REJECTED_MAX = 1_000
    COMMAND_GRACE_S = 10.0
    ORDER_TTL_S = 60.0
    ORDERS_KEPT = 200

    # History
    HISTORY_RAW_DAYS = 0.0
    HISTORY_5MIN_DAYS = 0.0
    HISTORY_HOUR_DAYS = 0.0
    HISTORY_DAY_DAYS = 0.0
    HISTORY_PARAM_DAYS: tuple[str, ...] = ()
    HISTORY_MAX_MB = 8_000
    HISTORY_DEADBAND: tuple[str, ...] = ()
    HISTORY_MAX_GAP_S = 900.0

    # Backups
    BALLAST_MB = 32
    BACKUP_EVERY_H = 24.0
    BACKUP_DIR = ""
    BACKUP_DAYS = 7
    BACKUP_WEEKS = 4
    BACKUP_MONTHS = 6
    BACKUP_MAX_MB = 2_000
    BACKUP_PASSPHRASE = ""

    # Notices
    NOTICES_MAX = 500
    NOTIFY_MIN_GRAVEDAD = "info"
    NOTIFY_WEBHOOK_URL = ""
    NOTIFY_WEBHOOK_SECRET = ""
    NOTIFY_APPRISE_URLS = ()

    # Live events
    SSE_PING_S = 15.0
    SSE_HISTORY_EVENTS = 5_000
    SSE_MAX_STREAMS = 6_000
    SSE_MAX_STREAMS_PER_ADDRESS = 500
    SSE_SEND_TIMEOUT_S = 20.0

    # HTTP server limits
    HTTP_THREADS = 8
    HTTP_QUEUE_MAX = 200
    HTTP_MAX_CONNECTIONS = 8_000
    HTTP_HEADER_TIMEOUT_S = 10.0
    HTTP_BODY_MAX = 65_536

    LOG_LEVEL = "INFO"


@dataclass(frozen=True, slots=True)
class Ajuste:
    """One setting: its kind (a parser of app/config_parse.py), unit, meaning and bounds."""

    nombre: str
    tipo: str
    ayuda: str
    unidad: str = ""
    minimo: float | None = None
    maximo: float | None = None
    opciones: tuple[str, ...] = ()
    secreto: bool = False


def _entero(nombre: str, minimo: int, maximo: int, unidad: str, ayuda: str) -> Ajuste:
    return Ajuste(nombre, "entero", ayuda, unidad, minimo, maximo)


def _numero(nombre: str, minimo: float, maximo: float, unidad: str, ayuda: str) -> Ajuste:
    return Ajuste(nombre, "numero", ayuda, unidad, minimo, maximo)


AJUSTES: tuple[Ajuste, ...] = (
    Ajuste(
        "SECRET_KEY",
        "secreto_largo",
        "Clave con la que se firma lo que lo necesite. Vacía: se crea una sola vez en instance/secret_key.",
        secreto=True,
    ),
    Ajuste(
        "SQLALCHEMY_DATABASE_URI",
        "uri_db",
        "Base de datos SQLite. Una ruta relativa (sqlite:///iot.db) parte de la carpeta de datos.",
    ),
    Ajuste(
        "SQLALCHEMY_TRACK_MODIFICATIONS",
        "booleano",
        "Se acepta porque los config.py antiguos la traen; no tiene efecto.",
    ),
    Ajuste(
        "HOUSE_TIMEZONE",
        "zona",
        "Zona horaria de la casa para los horarios, como Europe/Madrid. Vacía: la de esta máquina. Lo que se guarde "
        "con PUT /casa manda sobre este ajuste.",
    ),
    Ajuste(
        "HOUSE_LATITUDE",
        "coordenada",
        "Latitud de la casa, para el amanecer y el atardecer; norte positivo. Vacía: no se sabe.",
        "grados",
        -90,
        90,
    ),
    Ajuste(
        "HOUSE_LONGITUDE",
        "coordenada",
        "Longitud de la casa; este positivo. Va junto con HOUSE_LATITUDE.",
        "grados",
        -180,
        180,
    ),
    Ajuste(
        "BACKEND_HOST",
        "direccion",
        "Dirección en la que escucha el servidor HTTP. 0.0.0.0 = todas; 127.0.0.1 = solo esta máquina.",
    ),
    _entero("BACKEND_PORT", 1, 65_535, "puerto", "Puerto del servidor HTTP."),
    Ajuste(
        "PUBLIC_BACKEND_URL",
        "url_http",
        "Dirección con la que los demás llegan a este servidor. Vacía: se averigua la de la red local.",
    ),
    Ajuste(
        "HTTPS_ENABLED",
        "eleccion",
        "Servir también HTTPS con la autoridad de la casa: auto = si ./iot https la activó; siempre = y si falta se "
        "crea al arrancar; nunca.",
        opciones=("auto", "siempre", "nunca"),
    ),
    _entero("HTTPS_PORT", 1, 65_535, "puerto", "Puerto de HTTPS."),
    Ajuste(
        "HTTPS_REDIRECT",
        "booleano",
        "Con HTTPS activo, mandar a él las páginas que otra máquina pide por HTTP. La API y esta máquina, nunca.",
    ),
    Ajuste(
        "MQTT_BROKER_URL",
        "anfitrion",
        "Nombre o dirección IP de un broker MQTT propio. Vacía: mosquitto si está instalado, o el incluido.",
    ),
    _entero("MQTT_BROKER_PORT", 1, 65_535, "puerto", "Puerto del broker, sea el propio o el que arranca el programa."),
    _entero("MQTT_KEEPALIVE", 5, 65_535, "s", "Cada cuánto se comprueba que la conexión con el broker sigue viva."),
    Ajuste("MQTT_USERNAME", "texto", "Usuario con el que el programa entra en el broker."),
    Ajuste("MQTT_PASSWORD", "texto", "Contraseña de ese usuario.", secreto=True),
    Ajuste("MQTT_TLS_ENABLED", "booleano", "Hablar con el broker por TLS (cifrado)."),
    Ajuste("MQTT_TLS_CA", "fichero", "Certificado de la autoridad que firma el del broker. Vacío: las del sistema."),
    Ajuste("MQTT_TLS_CERT", "fichero", "Certificado de este programa, si el broker lo pide."),
    Ajuste("MQTT_TLS_KEY", "fichero", "Clave privada de ese certificado."),
    Ajuste("MQTT_TLS_INSECURE", "booleano", "No comprobar el nombre del certificado del broker. Solo para pruebas."),
    Ajuste(
        "MQTT_CLIENT_ID",
        "id_cliente",
        "Nombre de este programa ante el broker. Ha de ser estable (guarda su sesión) y único en ese broker.",
    ),
    Ajuste(
        "MQTT_LISTEN_HOST",
        "direccion",
        "Dirección en la que escucha el broker que arranca el programa. 0.0.0.0 = también para los equipos de la red.",
    ),
    _entero(
        "MQTT_TLS_PORT",
        1,
        65_535,
        "puerto",
        "Puerto cifrado del broker que arranca el programa; lo abre con HTTPS activo y MQTT_LISTEN_HOST en la red.",
    ),
    Ajuste(
        "MQTT_LISTEN_ANONYMOUS",
        "booleano",
        "Con MQTT_LISTEN_HOST abierto a la red, dejar entrar sin usuario ni contraseña a los dispositivos que no los "
        "tienen. Sin él, ese broker pide usuario y contraseña a todos.",
    ),
    Ajuste(
        "MQTT_SHARED_TOPIC",
        "booleano",
        "Atender el tema común dispositivos/estado, que usan los dispositivos antiguos y no se puede proteger.",
    ),
    Ajuste(
        "MQTT_EMBEDDED",
        "eleccion",
        "Cuándo usar el broker incluido, que es para probar: auto = si no hay otro; nunca; siempre.",
        opciones=("auto", "nunca", "siempre"),
    ),
    Ajuste(
        "TRUSTED_NETWORKS",
        "redes",
        "Redes cuyos equipos entran sin credenciales. Los demás reciben un 401. Vacía: nadie. Esta máquina cuenta como "
        "127.0.0.1 también cuando se llama por su dirección de la red.",
        "CIDR",
    ),
    Ajuste(
        "TRUSTED_PROXIES",
        "redes",
        "Proxies inversos a los que se cree quién hay detrás (X-Forwarded-For) y si llega por https. Lo que venga de "
        "ellos sin decirlo nunca entra sin credenciales. Vacía: ninguno.",
        "CIDR",
    ),
    Ajuste(
        "ALLOWED_HOSTS",
        "anfitriones",
        "Otros nombres con los que se puede pedir este servidor, además de los de esta máquina.",
    ),
    Ajuste(
        "CORS_ORIGINS",
        "origenes",
        "Orígenes exactos (como https://panel.casa.lan) de las páginas de otro sitio que pueden usar la API, siempre "
        "con un token. Vacía: ninguno.",
    ),
    _numero(
        "CLAIMS_PER_MIN",
        0,
        100_000,
        "peticiones/min",
        "Reclamos y altas que se atienden a cada cuenta o dirección; los demás reciben 429. 0 = sin límite.",
    ),
    _entero(
        "AUDIT_MAX", 1_000, 10_000_000, "filas", "Anotaciones de auditoría que se guardan; las más antiguas se van."
    ),
    _numero(
        "INGEST_DEVICE_RATE", 0, 100_000, "mensajes/s", "Mensajes que se aceptan de un dispositivo. 0 = sin límite."
    ),
    _entero("INGEST_BATCH_MAX", 1, 10_000, "mensajes", "Mensajes que se guardan juntos como mucho."),
    _entero("INGEST_QUEUE_MAX", 100, 1_000_000, "mensajes", "Mensajes que pueden esperar en memoria a guardarse."),
    _entero(
        "INGEST_LINGER_MS",
        0,
        5_000,
        "ms",
        "Lo que un mensaje espera a otros para guardarse con ellos: cuida la tarjeta, retrasa lo que se ve. 0 = nada.",
    ),
    _entero("MAX_UNCLAIMED", 1, 1_000_000, "dispositivos", "Dispositivos detectados y sin reclamar que se guardan."),
    _numero(
        "UNCLAIMED_TTL_DAYS",
        0,
        36_500,
        "días",
        "Tiempo que se guarda, desde su última palabra, un dispositivo que se oyó y nadie reclamó. 0 = siempre.",
    ),
    _numero(
        "NEW_DEVICES_PER_MIN",
        0,
        100_000,
        "dispositivos/min",
        "Dispositivos nunca vistos que se admiten por minuto; los demás se rechazan. 0 = sin límite.",
    ),
    _entero("REJECTED_MAX", 1, 1_000_000, "filas", "Mensajes rechazados que se guardan (./iot rechazados)."),
    _numero(
        "COMMAND_GRACE_S",
        0,
        3_600,
        "s",
        "Tiempo que un dispositivo tiene para obedecer antes de que su propio estado vuelva a mandar.",
    ),
    _numero(
        "ORDER_TTL_S",
        1,
        86_400,
        "s",
        "Tiempo que una orden espera a que el dispositivo la cumpla; o tres de sus informes, si es más.",
    ),
    _entero("ORDERS_KEPT", 1, 100_000, "órdenes", "Órdenes ya terminadas que se guardan de cada dispositivo."),
    _numero("HISTORY_RAW_DAYS", 0, 36_500, "días", "Días que se conserva el historial fila a fila. 0 = siempre."),
    _numero(
        "HISTORY_5MIN_DAYS", 0, 36_500, "días", "Días que se conservan los resúmenes de cinco minutos. 0 = siempre."
    ),
    _numero("HISTORY_HOUR_DAYS", 0, 36_500, "días", "Días que se conservan los de una hora. 0 = siempre."),
    _numero("HISTORY_DAY_DAYS", 0, 36_500, "días", "Días que se conservan los de un día. 0 = siempre."),
    Ajuste("HISTORY_PARAM_DAYS", "bandas", 'Lo mismo de un parámetro, en todos sus resúmenes, como ("luz_lux:90",).'),
    _entero(
        "HISTORY_MAX_MB",
        0,
        100_000_000,
        "MB",
        "Lo más que ocupa la base de datos; llegada ahí, se va lo más antiguo: primero filas, después cinco minutos. "
        "0 = sin límite.",
    ),
    Ajuste(
        "HISTORY_DEADBAND",
        "bandas",
        "Guardar solo los cambios: por parámetro, lo que ha de moverse un valor para ser una fila, como "
        '("temperatura:0.2", "humedad:1", "*:0"); `*`, los demás. Vacío: cada informe es una fila.',
    ),
    _numero(
        "HISTORY_MAX_GAP_S", 1, 86_400, "s", "Con HISTORY_DEADBAND, lo más que un dispositivo que habla pasa sin fila."
    ),
    _entero(
        "BALLAST_MB", 0, 10_000, "MB", "Lastre que se suelta si el disco se llena, para poder seguir. 0 = ninguno."
    ),
    _numero("BACKUP_EVERY_H", 0, 8_760, "h", "Cada cuánto se hace un respaldo de la casa. 0 = solo cuando se pide."),
    Ajuste("BACKUP_DIR", "texto", "Carpeta de los respaldos, mejor en otro disco. Vacía: instance/respaldos."),
    _entero("BACKUP_DAYS", 1, 3_660, "respaldos", "Días de los que se conserva el último respaldo."),
    _entero("BACKUP_WEEKS", 0, 520, "respaldos", "Semanas de las que se conserva el último respaldo."),
    _entero("BACKUP_MONTHS", 0, 120, "respaldos", "Meses de los que se conserva el último respaldo."),
    _entero(
        "BACKUP_MAX_MB",
        0,
        100_000_000,
        "MB",
        "Lo más que ocupan los respaldos; los más antiguos se van, y el último se queda. 0 = sin límite.",
    ),
    Ajuste(
        "BACKUP_PASSPHRASE",
        "texto",
        "Frase con la que se cifran los respaldos. Sin ella no se pueden recuperar: apúntela en otro sitio. Vacía: sin "
        "cifrar.",
        secreto=True,
    ),
    _entero("NOTICES_MAX", 10, 100_000, "avisos", "Avisos que se guardan; los resueltos más antiguos se van primero."),
    Ajuste(
        "NOTIFY_MIN_GRAVEDAD",
        "eleccion",
        "Desde qué gravedad sale un aviso de la casa; los demás quedan en el buzón.",
        opciones=("info", "advertencia", "grave"),
    ),
    Ajuste(
        "NOTIFY_WEBHOOK_URL",
        "url_aviso",
        "Dirección a la que se manda cada aviso con un POST. Vacía: a ninguna.",
        secreto=True,
    ),
    Ajuste(
        "NOTIFY_WEBHOOK_SECRET",
        "texto",
        "Clave con la que se firma cada POST (HMAC-SHA256 en la cabecera X-IoT-Firma).",
        secreto=True,
    ),
    Ajuste(
        "NOTIFY_APPRISE_URLS",
        "textos",
        "Direcciones de apprise (Telegram, ntfy...) por las que sale cada aviso. Con requirements-avisos.txt.",
        secreto=True,
    ),
    _numero("SSE_PING_S", 1, 3_600, "s", "Cada cuánto se manda un ping por los flujos en vivo."),
    _entero("SSE_HISTORY_EVENTS", 0, 1_000_000, "eventos", "Eventos que se recuerdan para quien se reconecta."),
    _entero("SSE_MAX_STREAMS", 1, 100_000, "flujos", "Flujos en vivo abiertos a la vez."),
    _entero("SSE_MAX_STREAMS_PER_ADDRESS", 1, 100_000, "flujos", "Flujos en vivo abiertos desde una misma dirección."),
    _numero("SSE_SEND_TIMEOUT_S", 1, 600, "s", "Tiempo sin poder enviar tras el que se corta un flujo."),
    _entero("HTTP_THREADS", 1, 256, "hilos", "Peticiones HTTP que se atienden a la vez."),
    _entero("HTTP_QUEUE_MAX", 1, 100_000, "peticiones", "Peticiones que pueden esperar un hilo; las demás, 503."),
    _entero("HTTP_MAX_CONNECTIONS", 10, 200_000, "conexiones", "Conexiones HTTP abiertas a la vez."),
    _numero("HTTP_HEADER_TIMEOUT_S", 1, 600, "s", "Tiempo que tiene un cliente para terminar de enviar su petición."),
    _entero("HTTP_BODY_MAX", 1_024, 16_777_216, "bytes", "Tamaño máximo del cuerpo de una petición."),
    Ajuste(
        "LOG_LEVEL",
        "eleccion",
        "Cuánto cuenta el registro.",
        opciones=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
    ),
)

# IOT_* variables that are not settings.
VARIABLES_APARTE = frozenset({"IOT_INSTANCE_PATH", "IOT_PYTHON", "IOT_URL", "IOT_TOKEN", "IOT_CLAVE"})
PREFIJOS_APARTE = ("IOT_TEST_", "IOT_BENCH_")
