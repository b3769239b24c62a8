"""Who gets in: accounts, sessions, tokens, claims and their proof, broker credentials, what is ignored, the audit.

Only adds tables: a house from before has no account, and is as open as its TRUSTED_NETWORKS say.
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

TABLES = (
    (
        "usuario (id INTEGER NOT NULL PRIMARY KEY, nombre VARCHAR(40) NOT NULL UNIQUE, clave TEXT NOT NULL, "
        "rol VARCHAR(16) NOT NULL, activo BOOLEAN NOT NULL, alcance TEXT, creado_en VARCHAR(32) NOT NULL, "
        "clave_en VARCHAR(32) NOT NULL)"
    ),
    (
        "sesion (id INTEGER NOT NULL PRIMARY KEY, usuario_id INTEGER NOT NULL REFERENCES usuario (id), "
        "huella VARCHAR(64) NOT NULL UNIQUE, creada_en VARCHAR(32) NOT NULL, usada_en VARCHAR(32) NOT NULL, "
        "desde VARCHAR(64) NOT NULL, agente VARCHAR(200) NOT NULL)"
    ),
    (
        "token (id INTEGER NOT NULL PRIMARY KEY, usuario_id INTEGER NOT NULL REFERENCES usuario (id), "
        "nombre VARCHAR(80) NOT NULL, huella VARCHAR(64) NOT NULL UNIQUE, inicio VARCHAR(12) NOT NULL, "
        "ambito VARCHAR(16) NOT NULL, creado_en VARCHAR(32) NOT NULL, expira_en VARCHAR(32), usado_en VARCHAR(32))"
    ),
    (
        "reclamacion (dispositivo_id INTEGER NOT NULL PRIMARY KEY REFERENCES dispositivo (id), "
        "usuario_id INTEGER REFERENCES usuario (id), reclamado_en VARCHAR(32) NOT NULL)"
    ),
    (
        "posesion (serial_number VARCHAR(100) NOT NULL PRIMARY KEY, huella VARCHAR(64) NOT NULL, "
        "creado_en VARCHAR(32) NOT NULL)"
    ),
    (
        "borrado (dispositivo_id INTEGER NOT NULL PRIMARY KEY, serial_number VARCHAR(100) NOT NULL, "
        "borrado_en VARCHAR(32) NOT NULL)"
    ),
    (
        "credencial (serial_number VARCHAR(100) NOT NULL PRIMARY KEY, clave TEXT NOT NULL, "
        "creado_en VARCHAR(32) NOT NULL)"
    ),
    (
        "ignorado (id INTEGER NOT NULL PRIMARY KEY, patron VARCHAR(100) NOT NULL, prefijo BOOLEAN NOT NULL, "
        "creado_en VARCHAR(32) NOT NULL, UNIQUE (patron, prefijo))"
    ),
    (
        "auditoria (id INTEGER NOT NULL PRIMARY KEY, instante VARCHAR(32) NOT NULL, quien VARCHAR(80) NOT NULL, "
        "desde VARCHAR(64), accion VARCHAR(40) NOT NULL, objeto VARCHAR(120), resultado VARCHAR(16) NOT NULL, "
        "detalle TEXT NOT NULL)"
    ),
)
INDEXES = ("ix_sesion_usuario ON sesion (usuario_id)", "ix_token_usuario ON token (usuario_id)")


def upgrade() -> None:
    """Add the tables."""
    for table in TABLES:
        op.execute(f"CREATE TABLE {table}")
    for index in INDEXES:
        op.execute(f"CREATE INDEX {index}")
