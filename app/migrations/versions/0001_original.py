"""The original program's tables; a database that it made is taken to be at this revision as it stands."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create what the original program created."""
    op.execute(
        "CREATE TABLE dispositivo (id INTEGER NOT NULL PRIMARY KEY, serial_number VARCHAR(100) NOT NULL UNIQUE, "
        "nombre VARCHAR(80) NOT NULL, tipo VARCHAR(50) NOT NULL, modelo VARCHAR(100), descripcion VARCHAR(255), "
        "estado VARCHAR(20), parametros JSON, configuracion JSON, reclamado BOOLEAN)"
    )
    op.execute(
        "CREATE TABLE estado_log (id INTEGER NOT NULL PRIMARY KEY, "
        "dispositivo_id INTEGER NOT NULL REFERENCES dispositivo (id), estado VARCHAR(20), parametros JSON, "
        "timestamp DATETIME)"
    )
