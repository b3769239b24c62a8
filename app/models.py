"""The tables: ``Dispositivo`` and ``EstadoLog`` as the original program made them, plus what the promises need.

SQLAlchemy Core only: a row is read into a frozen :class:`app.domain.dispositivo.Dispositivo`, never into an object
that writes itself back. JSON columns hold compact JSON text of an object; timestamps are text, UTC: the log keeps the
original's ``YYYY-MM-DD HH:MM:SS.ffffff``, everything newer is ISO 8601 with ``Z``.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from app.domain.dispositivo import Dispositivo

metadata = MetaData()

dispositivo = Table(
    "dispositivo",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("serial_number", String(100), unique=True, nullable=False),
    Column("nombre", String(80), nullable=False),
    Column("tipo", String(50), nullable=False),
    Column("modelo", String(100), nullable=False),
    Column("descripcion", String(255), nullable=False),
    Column("estado", String(20), nullable=False),
    Column("parametros", Text, nullable=False),
    Column("configuracion", Text, nullable=False),
    Column("reclamado", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("creado_en", String(32), nullable=False),
    Column("actualizado_en", String(32), nullable=False),
    Column("visto_en", String(32)),
    Column("deseada_version", Integer, nullable=False),
    Column("deseada_confirmada", Integer, nullable=False),
    Column("estado_reportado", String(20)),
    Column("deseo_en", String(32)),
    Column("configuracion_en", Text, nullable=False, server_default=text("'{}'")),
    Column("estado_en", String(32)),
    Column("parametros_en", String(32)),
    Column("deseos", Text, nullable=False, server_default=text("'{}'")),
    Column("propio", Boolean, nullable=False, server_default=text("0")),
    Column("cadencia_s", Float),
    Column("esperado_s", Float),
    Column("esperado_manual", Float),
    Column("conectividad", String(12), nullable=False, server_default=text("'desconocido'")),
    Column("conectividad_motivo", String(40), nullable=False, server_default=text("'sin_noticias'")),
    Column("conectividad_en", String(32)),
    Column("habitacion_id", Integer, ForeignKey("habitacion.id")),
)

estado_log = Table(
    "estado_log",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("dispositivo_id", Integer, ForeignKey("dispositivo.id"), nullable=False),
    Column("estado", String(20)),
    Column("parametros", Text),
    Column("timestamp", String(32)),
    Column("causa", Text),  # NULL: the device's own report
    # The rowid is the index's second column by itself, so this serves "newest first of one device" without a sort.
    Index("ix_estado_log_dispositivo", "dispositivo_id"),
)

log_bloque = Table(
    "log_bloque",
    metadata,
    # BLOQUE rows of one device's log, in the order of id; only its newest block has fewer. See app.bloques.
    Column("dispositivo_id", Integer, primary_key=True),
    Column("numero", Integer, primary_key=True),
    Column("filas", Integer, nullable=False),
    Column("primer_id", Integer, nullable=False),
    Column("ultimo_id", Integer, nullable=False),
    Column("desde", String(32), nullable=False),  # the least timestamp; empty when a row has none
    Column("hasta", String(32), nullable=False),  # the greatest
    Column("activos", Integer, nullable=False),
    Column("inactivos", Integer, nullable=False),
    Column("ordenado", Boolean, nullable=False),  # no timestamp is less than the one before it
    Column("tope", String(32), nullable=False),  # the greatest of this block and of all before it
    Column("tardio", Boolean, nullable=False),  # a timestamp is less than one before it, in this block or another
    Index("ix_log_bloque_tardio", "dispositivo_id", sqlite_where=text("tardio")),
    sqlite_with_rowid=False,
)

serie = Table(
    "serie",
    metadata,
    # What is summarised of a device: its state, and each parameter that is a number or a yes and no.
    Column("id", Integer, primary_key=True),
    Column("dispositivo_id", Integer, nullable=False),
    Column("nombre", Text, nullable=False),
    Column("logica", Boolean, nullable=False),  # nothing but yes and no, so far
    UniqueConstraint("dispositivo_id", "nombre"),
)

resumen = Table(
    "resumen",
    metadata,
    # What a series did in a stretch of ``nivel`` seconds from ``inicio`` (seconds of 1970): app.domain.resumen.Resumen.
    Column("nivel", Integer, primary_key=True),
    Column("serie_id", Integer, primary_key=True),
    Column("inicio", Integer, primary_key=True),
    Column("n", Integer, nullable=False),
    Column("cambios", Integer, nullable=False),
    Column("minimo", Float, nullable=False),
    Column("maximo", Float, nullable=False),
    Column("primero_en", Integer, nullable=False),
    Column("primero", Float, nullable=False),
    Column("ultimo_en", Integer, nullable=False),
    Column("ultimo", Float, nullable=False),
    Column("integral", Float, nullable=False),
    Column("cubierto", Integer, nullable=False),
    Column("subida", Float),  # of a counter
    Column("partes", LargeBinary),  # of an hour: its five minutes (app.domain.partes)
    sqlite_with_rowid=False,
)

mensaje_rechazado = Table(
    "mensaje_rechazado",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("timestamp", String(32), nullable=False),
    Column("topic", Text, nullable=False),
    Column("motivo", String(40), nullable=False),
    Column("detalle", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("bytes", Integer, nullable=False),
)

entrega = Table(
    "entrega",
    metadata,
    # One row a committed batch: (packet id, digest) of its messages, so that a redelivery is known as one.
    Column("id", Integer, primary_key=True),
    Column("mensajes", Integer, nullable=False),
    Column("huellas", LargeBinary, nullable=False),
)

casa = Table(
    "casa",
    metadata,
    # The house's own values: secuencia (last event), rechazados (all that ever were), ...
    Column("clave", String(40), primary_key=True),
    Column("valor", Integer, nullable=False),
)

casa_texto = Table(
    "casa_texto",
    metadata,
    # What people decide for the whole house, one JSON text a key: zona, latitud, longitud, festivos, ...
    Column("clave", String(40), primary_key=True),
    Column("valor", Text, nullable=False),
)

orden = Table(
    "orden",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("dispositivo_id", Integer, ForeignKey("dispositivo.id"), nullable=False),
    Column("version", Integer, nullable=False),  # the device's deseada_version that carries it
    Column("cambios", Text, nullable=False),
    Column("estado", String(12), nullable=False),
    Column("motivo", String(80), nullable=False),
    Column("causa", Text, nullable=False),
    Column("creada_en", String(32), nullable=False),
    Column("enviada_en", String(32)),
    Column("cerrada_en", String(32)),
    Column("expira_en", String(32), nullable=False),
    Index("ix_orden_dispositivo", "dispositivo_id"),
    Index("ix_orden_abierta", "expira_en", sqlite_where=text("cerrada_en IS NULL")),
)

habitacion = Table(
    "habitacion",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("nombre", String(80), unique=True, nullable=False),
    Column("creado_en", String(32), nullable=False),
)

grupo = Table(
    "grupo",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("nombre", String(80), unique=True, nullable=False),
    Column("dispositivos", Text, nullable=False),  # JSON array of device ids
    Column("creado_en", String(32), nullable=False),
)

escena = Table(
    "escena",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("nombre", String(80), unique=True, nullable=False),
    Column("acciones", Text, nullable=False),  # JSON array
    Column("creado_en", String(32), nullable=False),
    Column("aplicada_en", String(32)),
)

regla = Table(
    "regla",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("nombre", String(80), unique=True, nullable=False),
    Column("activa", Boolean, nullable=False),
    Column("definicion", Text, nullable=False),  # JSON object: condicion, acciones
    Column("memoria", Text, nullable=False),  # JSON object: what the engine must still know after a restart
    Column("disparos", Integer, nullable=False),
    Column("disparada_en", String(32)),
    Column("creado_en", String(32), nullable=False),
)

aviso = Table(
    "aviso",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("clave", String(120), nullable=False),  # what it is about: one open notice each
    Column("tipo", String(40), nullable=False),
    Column("gravedad", String(12), nullable=False),
    Column("texto", Text, nullable=False),
    Column("dispositivo_id", Integer, ForeignKey("dispositivo.id")),
    Column("datos", Text, nullable=False),
    Column("estado", String(12), nullable=False),  # nuevo | visto | resuelto
    Column("veces", Integer, nullable=False),
    Column("creado_en", String(32), nullable=False),
    Column("actualizado_en", String(32), nullable=False),
    Column("visto_en", String(32)),
    Column("resuelto_en", String(32)),
    Column("por_enviar", Integer, nullable=False),  # doors through which it has still to go out, as bits
    Column("abandonado", Integer, nullable=False),  # doors through which it was given up
    Column("secuencia", Integer, nullable=False),  # the event that told its latest news
    Index("ix_aviso_clave", "clave"),
)

usuario = Table(
    "usuario",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("nombre", String(40), unique=True, nullable=False),  # lower case
    Column("clave", Text, nullable=False),  # Argon2id, in its own text form
    Column("rol", String(16), nullable=False),
    Column("activo", Boolean, nullable=False),
    Column("alcance", Text),  # JSON {"habitaciones": [ids], "dispositivos": [ids]}; NULL: the whole house
    Column("creado_en", String(32), nullable=False),
    Column("clave_en", String(32), nullable=False),
)

sesion = Table(
    "sesion",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("usuario_id", Integer, ForeignKey("usuario.id"), nullable=False),
    Column("huella", String(64), unique=True, nullable=False),  # SHA-256 of the cookie, hexadecimal
    Column("creada_en", String(32), nullable=False),
    Column("usada_en", String(32), nullable=False),
    Column("desde", String(64), nullable=False),
    Column("agente", String(200), nullable=False),
    Index("ix_sesion_usuario", "usuario_id"),
)

token = Table(
    "token",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("usuario_id", Integer, ForeignKey("usuario.id"), nullable=False),
    Column("nombre", String(80), nullable=False),
    Column("huella", String(64), unique=True, nullable=False),  # SHA-256 of the token, hexadecimal
    Column("inicio", String(12), nullable=False),  # its first characters, to know it again by
    Column("ambito", String(16), nullable=False),
    Column("creado_en", String(32), nullable=False),
    Column("expira_en", String(32)),
    Column("usado_en", String(32)),
    Index("ix_token_usuario", "usuario_id"),
)

reclamacion = Table(
    "reclamacion",
    metadata,
    # Who claimed a device; without an account when it was somebody of a trusted network.
    Column("dispositivo_id", Integer, ForeignKey("dispositivo.id"), primary_key=True),
    Column("usuario_id", Integer, ForeignKey("usuario.id")),
    Column("reclamado_en", String(32), nullable=False),
)

posesion = Table(
    "posesion",
    metadata,
    # The devices that can be claimed only with their code (of which a SHA-256 is kept), heard of or not.
    Column("serial_number", String(100), primary_key=True),
    Column("huella", String(64), nullable=False),
    Column("creado_en", String(32), nullable=False),
)

borrado = Table(
    "borrado",
    metadata,
    # Deleted devices of which the broker may still hold the retained configuration; it is cleared, then forgotten.
    Column("dispositivo_id", Integer, primary_key=True),
    Column("serial_number", String(100), nullable=False),
    Column("borrado_en", String(32), nullable=False),
)

credencial = Table(
    "credencial",
    metadata,
    # The devices that have a broker user of their own; ``clave`` as mosquitto's password file has it.
    Column("serial_number", String(100), primary_key=True),
    Column("clave", Text, nullable=False),
    Column("creado_en", String(32), nullable=False),
)

ignorado = Table(
    "ignorado",
    metadata,
    # Serials, and beginnings of serials, that are not to appear.
    Column("id", Integer, primary_key=True),
    Column("patron", String(100), nullable=False),
    Column("prefijo", Boolean, nullable=False),
    Column("creado_en", String(32), nullable=False),
    UniqueConstraint("patron", "prefijo"),
)

auditoria = Table(
    "auditoria",
    metadata,
    # Who did what to what, from where; append-only.
    Column("id", Integer, primary_key=True),
    Column("instante", String(32), nullable=False),
    Column("quien", String(80), nullable=False),
    Column("desde", String(64)),
    Column("accion", String(40), nullable=False),
    Column("objeto", String(120)),
    Column("resultado", String(16), nullable=False),
    Column("detalle", Text, nullable=False),  # JSON object
)

DEVICE_COLUMNS = tuple(dispositivo.columns)
DEVICE_FIELDS = tuple(c.name for c in DEVICE_COLUMNS)


def device_of(row: Any) -> Dispositivo:
    """The fact in a row selected as ``DEVICE_COLUMNS``, in that order."""
    values = list(row)
    values[9] = bool(values[9])
    values[22] = bool(values[22])
    return Dispositivo(*values)


def row_of(device: Dispositivo) -> tuple[Any, ...]:
    """The row of a fact, in the order of ``DEVICE_COLUMNS``."""
    return (
        device.id,
        device.serial_number,
        device.nombre,
        device.tipo,
        device.modelo,
        device.descripcion,
        device.estado,
        device.parametros_json,
        device.configuracion_json,
        device.reclamado,
        device.version,
        device.creado_en,
        device.actualizado_en,
        device.visto_en,
        device.deseada_version,
        device.deseada_confirmada,
        device.estado_reportado,
        device.deseo_en,
        device.configuracion_en_json,
        device.estado_en,
        device.parametros_en,
        device.deseos_json,
        device.propio,
        device.cadencia_s,
        device.esperado_s,
        device.esperado_manual,
        device.conectividad,
        device.conectividad_motivo,
        device.conectividad_en,
        device.habitacion_id,
    )
