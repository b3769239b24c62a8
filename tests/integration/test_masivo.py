"""Many changes in one unit of work: what fails leaves nothing behind, what a full disk stops leaves nothing at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import dispositivos, grupos, habitaciones, masivo
from app.domain.errors import DatosInvalidos, StorageFull
from app.domain.peticiones import Cambios
from app.masivo import MAX_DISPOSITIVOS, Destino
from tests.support.nucleo import House

ON = Cambios(configuracion={"encendido": True})


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as made:
        made.report(*[{"serial_number": f"LGT{n:09}", "estado": "inactivo"} for n in range(MAX_DISPOSITIVOS + 1)])
        yield made


def apply(house: House, *asked: tuple[int, Cambios]) -> list[dict[str, Any]]:
    with house.db.unit_of_work() as uow:
        return [dict(r.as_object()) for r in masivo.aplicar(uow, asked)]


def test_what_fails_leaves_no_trace_and_no_gap(house: House) -> None:
    """Neither an order nor an event nor a number of one; what was asked of the same device before stays."""
    house.events.clear()
    last = house.scalar("SELECT valor FROM casa WHERE clave = 'secuencia'")
    wrong = Cambios(encendido=True, durante_s=60)
    results = apply(house, (1, ON), (1, wrong), (2, wrong), (999_999, ON), (3, ON))
    assert [r["resultado"] for r in results] == ["creada", "error", "error", "error", "creada"]
    assert [r["orden"] for r in results] == [1, None, None, None, 2]
    assert [r["serial_number"] for r in results] == ["LGT000000000", None, None, None, "LGT000000002"]
    assert [e.secuencia for e in house.events] == list(range(last + 1, last + 1 + len(house.events)))
    assert house.scalar("SELECT valor FROM casa WHERE clave = 'secuencia'") == last + len(house.events)
    assert house.scalar("SELECT count(*) FROM orden") == 2
    assert [house.device(f"LGT{n:09}").estado for n in range(3)] == ["activo", "inactivo", "activo"]


def test_a_disk_that_fills_up_half_way_leaves_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    real = dispositivos.actualizar

    def until_full(uow: Any, device_id: int, *args: Any, **more: Any) -> Any:
        if device_id == 3:
            raise StorageFull
        return real(uow, device_id, *args, **more)

    monkeypatch.setattr(dispositivos, "actualizar", until_full)
    house.events.clear()
    with pytest.raises(StorageFull):
        apply(house, (1, ON), (2, ON), (3, ON), (4, ON))
    assert house.events == []
    assert house.scalar("SELECT count(*) FROM orden") == 0
    assert house.scalar("SELECT count(*) FROM dispositivo WHERE estado = 'activo'") == 0


def test_a_room_with_too_many_is_asked_in_parts(house: House) -> None:
    with house.db.unit_of_work() as uow:
        room = habitaciones.crear(uow, "nave").id
        uow.conn.exec_driver_sql(f"UPDATE dispositivo SET habitacion_id = {room}")
        with pytest.raises(DatosInvalidos) as refused:
            masivo.alcanzados(uow.conn, Destino(habitacion_id=room))
    assert refused.value.errores[0].campo == "habitacion_id"
    assert "por partes" in refused.value.errores[0].mensaje
    with house.db.unit_of_work() as uow:
        dispositivos.actualizar(uow, 1, Cambios(habitacion=(None,)), if_match=None)
        reached = masivo.alcanzados(uow.conn, Destino(habitacion_id=room))
        results = masivo.aplicar(uow, [(i, ON) for i in reached])
    assert len(results) == MAX_DISPOSITIVOS
    assert {r.resultado for r in results} == {"creada"}
    with house.db.unit_of_work() as uow:
        habitaciones.borrar(uow, room)
    assert house.scalar("SELECT count(*) FROM dispositivo WHERE habitacion_id IS NOT NULL") == 0


def test_a_group_that_holds_one_that_is_gone(house: House) -> None:
    with house.db.unit_of_work() as uow:
        group = grupos.crear(uow, "g", [1, 2, 3]).id
        uow.conn.exec_driver_sql("DELETE FROM estado_log WHERE dispositivo_id = 2")
        uow.conn.exec_driver_sql("DELETE FROM dispositivo WHERE id = 2")
        reached = masivo.alcanzados(uow.conn, Destino(grupo_id=group))
    results = apply(house, *[(i, ON) for i in reached])
    assert [(r["resultado"], r["error"]) for r in results] == [
        ("creada", None), ("error", "No existe ese dispositivo"), ("creada", None),
    ]  # fmt: skip
