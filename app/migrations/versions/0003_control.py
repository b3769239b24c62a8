"""Control that can be trusted: orders, causes, liveness, rooms, scenes, rules, notices.

Only adds: columns with a constant default (SQLite writes no row for that), and tables. A device that was already known
is ``desconocido`` until it speaks, and its schedule is its own until it does so on a topic of its own.
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


DEVICE_COLUMNS = (
    "configuracion_en TEXT DEFAULT '{}' NOT NULL",
    "estado_en VARCHAR(32)",
    "parametros_en VARCHAR(32)",
    "deseos TEXT DEFAULT '{}' NOT NULL",
    "propio BOOLEAN DEFAULT 0 NOT NULL",
    "cadencia_s FLOAT",
    "esperado_s FLOAT",
    "esperado_manual FLOAT",
    "conectividad VARCHAR(12) DEFAULT 'desconocido' NOT NULL",
    "conectividad_motivo VARCHAR(40) DEFAULT 'sin_noticias' NOT NULL",
    "conectividad_en VARCHAR(32)",
    "habitacion_id INTEGER REFERENCES habitacion (id)",
)
TABLES = (
    "casa_texto (clave VARCHAR(40) NOT NULL PRIMARY KEY, valor TEXT NOT NULL)",
    (
        "orden (id INTEGER NOT NULL PRIMARY KEY, dispositivo_id INTEGER NOT NULL REFERENCES dispositivo (id), "
        "version INTEGER NOT NULL, cambios TEXT NOT NULL, estado VARCHAR(12) NOT NULL, motivo VARCHAR(80) NOT NULL, "
        "causa TEXT NOT NULL, creada_en VARCHAR(32) NOT NULL, enviada_en VARCHAR(32), cerrada_en VARCHAR(32), "
        "expira_en VARCHAR(32) NOT NULL)"
    ),
    "habitacion (id INTEGER NOT NULL PRIMARY KEY, nombre VARCHAR(80) NOT NULL UNIQUE, creado_en VARCHAR(32) NOT NULL)",
    (
        "grupo (id INTEGER NOT NULL PRIMARY KEY, nombre VARCHAR(80) NOT NULL UNIQUE, dispositivos TEXT NOT NULL, "
        "creado_en VARCHAR(32) NOT NULL)"
    ),
    (
        "escena (id INTEGER NOT NULL PRIMARY KEY, nombre VARCHAR(80) NOT NULL UNIQUE, acciones TEXT NOT NULL, "
        "creado_en VARCHAR(32) NOT NULL, aplicada_en VARCHAR(32))"
    ),
    (
        "regla (id INTEGER NOT NULL PRIMARY KEY, nombre VARCHAR(80) NOT NULL UNIQUE, activa BOOLEAN NOT NULL, "
        "definicion TEXT NOT NULL, memoria TEXT NOT NULL, disparos INTEGER NOT NULL, disparada_en VARCHAR(32), "
        "creado_en VARCHAR(32) NOT NULL)"
    ),
    (
        "aviso (id INTEGER NOT NULL PRIMARY KEY, clave VARCHAR(120) NOT NULL, tipo VARCHAR(40) NOT NULL, "
        "gravedad VARCHAR(12) NOT NULL, texto TEXT NOT NULL, dispositivo_id INTEGER REFERENCES dispositivo (id), "
        "datos TEXT NOT NULL, estado VARCHAR(12) NOT NULL, veces INTEGER NOT NULL, creado_en VARCHAR(32) NOT NULL, "
        "actualizado_en VARCHAR(32) NOT NULL, visto_en VARCHAR(32), resuelto_en VARCHAR(32), "
        "por_enviar INTEGER NOT NULL, abandonado INTEGER NOT NULL, secuencia INTEGER NOT NULL)"
    ),
)
INDEXES = (
    "ix_orden_dispositivo ON orden (dispositivo_id)",
    "ix_orden_abierta ON orden (expira_en) WHERE cerrada_en IS NULL",
    "ix_aviso_clave ON aviso (clave)",
)


def upgrade() -> None:
    """Add tables, then the columns, of which one refers to a new table."""
    for table in TABLES:
        op.execute(f"CREATE TABLE {table}")
    for index in INDEXES:
        op.execute(f"CREATE INDEX {index}")
    for column in DEVICE_COLUMNS:
        op.execute(f"ALTER TABLE dispositivo ADD COLUMN {column}")
    op.execute("ALTER TABLE estado_log ADD COLUMN causa TEXT")
