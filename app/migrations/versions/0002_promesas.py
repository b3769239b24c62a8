"""What the promises need: versions, times, desired configuration, event sequence, rejections, deliveries.

Every row and id is kept. NULLs become the values that a new device has; JSON that is not an object becomes an empty
one, NaN and infinities (which the original could write, and JSON has not) become null.
"""

from __future__ import annotations

import json
import math
from typing import Any

from alembic import op
from sqlalchemy import Connection

revision = "0002"
down_revision = "0001"

SLICE = 1000


def upgrade() -> None:
    """Rebuild ``dispositivo``, mend ``estado_log`` where it must be, add the new tables."""
    conn = op.get_bind()
    # SQLite's own recipe (lang_altertable.html §7): new beside old, copy, drop, rename; references by name stay.
    op.execute(
        "CREATE TABLE dispositivo_nuevo (id INTEGER NOT NULL, serial_number VARCHAR(100) NOT NULL, "
        "nombre VARCHAR(80) NOT NULL, tipo VARCHAR(50) NOT NULL, modelo VARCHAR(100) NOT NULL, "
        "descripcion VARCHAR(255) NOT NULL, estado VARCHAR(20) NOT NULL, parametros TEXT NOT NULL, "
        "configuracion TEXT NOT NULL, reclamado BOOLEAN NOT NULL, version INTEGER NOT NULL, "
        "creado_en VARCHAR(32) NOT NULL, actualizado_en VARCHAR(32) NOT NULL, "
        "visto_en VARCHAR(32), deseada_version INTEGER NOT NULL, deseada_confirmada INTEGER NOT NULL, "
        "estado_reportado VARCHAR(20), deseo_en VARCHAR(32), PRIMARY KEY (id), UNIQUE (serial_number))"
    )
    _copy_devices(conn)
    _mend_logs(conn)
    op.execute("DROP TABLE dispositivo")
    op.execute("ALTER TABLE dispositivo_nuevo RENAME TO dispositivo")
    _new_tables()


def _copy_devices(conn: Connection) -> None:
    now = conn.exec_driver_sql("SELECT strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')").scalar_one()
    seen: dict[int, Any] = dict(
        conn.exec_driver_sql("SELECT dispositivo_id, max(timestamp) FROM estado_log GROUP BY dispositivo_id").fetchall()
    )
    rows = conn.exec_driver_sql(
        "SELECT id, serial_number, nombre, tipo, modelo, descripcion, estado, parametros, configuracion, reclamado "
        "FROM dispositivo ORDER BY id"
    ).fetchall()
    for id_, serial, nombre, tipo, modelo, descripcion, estado, parametros, configuracion, reclamado in rows:
        configured = _object(configuracion)
        conn.exec_driver_sql(
            "INSERT INTO dispositivo_nuevo VALUES (?,?,?,?,?,?,?,?,?,?,1,?,?,?,?,0,NULL,NULL)",
            (
                id_,
                serial,
                nombre,
                tipo,
                modelo if modelo is not None else "desconocido",
                descripcion if descripcion is not None else "",
                estado if estado is not None else "desconocido",
                _dump(_object(parametros)),
                _dump(configured),
                bool(reclamado),
                now,
                now,
                _iso(seen.get(id_)),
                1 if configured else 0,
            ),
        )


def _mend_logs(conn: Connection) -> None:
    last = 0
    while True:
        rows = conn.exec_driver_sql(
            "SELECT id, parametros FROM estado_log WHERE id > ? AND (parametros IS NULL OR NOT json_valid(parametros) "
            "OR json_type(parametros) <> 'object') ORDER BY id LIMIT ?",
            (last, SLICE),
        ).fetchall()
        for id_, parametros in rows:
            conn.exec_driver_sql("UPDATE estado_log SET parametros = ? WHERE id = ?", (_dump(_object(parametros)), id_))
            last = id_
        if len(rows) < SLICE:
            return


def _new_tables() -> None:
    op.execute("CREATE INDEX IF NOT EXISTS ix_estado_log_dispositivo ON estado_log (dispositivo_id)")
    op.execute(
        "CREATE TABLE mensaje_rechazado (id INTEGER NOT NULL PRIMARY KEY, timestamp VARCHAR(32) NOT NULL, "
        "topic TEXT NOT NULL, motivo VARCHAR(40) NOT NULL, detalle TEXT NOT NULL, payload BLOB NOT NULL, "
        "bytes INTEGER NOT NULL)"
    )
    op.execute(
        "CREATE TABLE entrega (id INTEGER NOT NULL PRIMARY KEY, mensajes INTEGER NOT NULL, huellas BLOB NOT NULL)"
    )
    op.execute("CREATE TABLE casa (clave VARCHAR(40) NOT NULL PRIMARY KEY, valor INTEGER NOT NULL)")
    op.execute("INSERT INTO casa (clave, valor) VALUES ('secuencia', 0), ('rechazados', 0)")


def _object(text: Any) -> dict[str, Any]:
    try:
        value = json.loads(text) if isinstance(text, str | bytes) else None
    except ValueError:
        return {}
    return _finite(value) if isinstance(value, dict) else {}


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list) else value


def _dump(value: dict[str, Any]) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace").decode()


def _iso(stamp: Any) -> str | None:
    return None if stamp is None else str(stamp).replace(" ", "T", 1) + "Z"
