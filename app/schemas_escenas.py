"""Bodies of rooms, groups, scenes and bulk orders, strict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from app.domain.errors import DatosInvalidos, ErrorCampo
from app.domain.peticiones import Cambios
from app.domain.valores import ValorInvalido, check_json
from app.masivo import MAX_DISPOSITIVOS, Destino
from app.schemas import Configuracion, Nombre, another_identity, parse_cambios, validated

DispositivoId = Annotated[int, Field(ge=1, le=2**63 - 1)]


DESTINOS = ("dispositivos", "habitacion_id", "grupo_id")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class CuerpoHabitacion(_Strict):
    """Una habitación. Qué dispositivos tiene lo dice el `habitacion_id` de cada uno."""

    nombre: Nombre


class CuerpoGrupo(_Strict):
    """Un grupo de dispositivos, estén donde estén."""

    nombre: Nombre
    dispositivos: Annotated[list[DispositivoId], Field(max_length=MAX_DISPOSITIVOS)]


class AccionEscena(_Strict):
    """Cómo debe quedar un dispositivo."""

    dispositivo_id: DispositivoId
    configuracion: Configuracion = Field(description="Se mezcla con la suya, como en un PUT.")


class CuerpoEscena(_Strict):
    """Una escena: un nombre y cómo debe quedar cada dispositivo."""

    nombre: Nombre
    acciones: Annotated[list[AccionEscena], Field(min_length=1, max_length=MAX_DISPOSITIVOS)]


class CuerpoOrdenes(_Strict):
    """Un mismo cambio para muchos: unos dispositivos, los de una habitación o los de un grupo."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [name]} for name in DESTINOS]})

    dispositivos: Annotated[list[DispositivoId], Field(min_length=1, max_length=MAX_DISPOSITIVOS)] | None = None
    habitacion_id: DispositivoId | None = None
    grupo_id: DispositivoId | None = None
    cambios: dict[str, Any] = Field(description="Lo mismo que admite `PUT /dispositivos/<id>`.")


def parse_habitacion(body: Mapping[str, Any]) -> tuple[str]:
    """(name,).

    Raises:
        DatosInvalidos: a field breaks its rule or is not known.
    """
    return (validated(CuerpoHabitacion, body).nombre.strip(),)


def parse_grupo(body: Mapping[str, Any]) -> tuple[str, list[int]]:
    """(name, ids of its devices).

    Raises:
        DatosInvalidos: a field breaks its rule or is not known.
    """
    model = validated(CuerpoGrupo, body)
    return model.nombre.strip(), model.dispositivos


def parse_escena(body: Mapping[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """(name, actions with their configuration verbatim).

    Raises:
        DatosInvalidos: a field breaks its rule or is not known.
    """
    model = validated(CuerpoEscena, body)
    checked = [configuracion_de(a["configuracion"], f"acciones[{n}]") for n, a in enumerate(body["acciones"])]
    pairs = zip(model.acciones, checked, strict=True)
    return model.nombre.strip(), [{"dispositivo_id": a.dispositivo_id, "configuracion": c} for a, c in pairs]


def configuracion_de(sent: Mapping[str, Any], campo: str) -> dict[str, Any]:
    """The configuration of an action, checked as that of a PUT; ``campo``: where in the body it stands.

    Raises:
        DatosInvalidos: a field breaks its rule.
    """
    with _below(campo):
        return parse_cambios(_as_of_one({"configuracion": sent}), 0).cambios.configuracion or {}


def parse_ordenes(body: Mapping[str, Any]) -> tuple[Destino, Cambios, tuple[str, ...]]:
    """Whom the change is for, each device once, the change, and what of it was sent in vain.

    Raises:
        DatosInvalidos: a field breaks its rule or is not known, or not exactly one of DESTINOS is given.
    """
    model = validated(CuerpoOrdenes, body)
    if sum(getattr(model, name) is not None for name in DESTINOS) != 1:
        raise DatosInvalidos([ErrorCampo("", f"dé uno, y solo uno, de {', '.join(DESTINOS)}")])
    ids = None if model.dispositivos is None else tuple(dict.fromkeys(model.dispositivos))
    with _below("cambios"):
        peticion = parse_cambios(_as_of_one(model.cambios), 0)
        if peticion.serial_number is not None:
            raise another_identity("serial_number")
    return Destino(ids, model.habitacion_id, model.grupo_id), peticion.cambios, peticion.ignorados


def _as_of_one(cambios: dict[str, Any]) -> dict[str, Any]:
    """A change within the bounds that the body of a PUT to one device has."""
    try:
        check_json(cambios)
    except ValorInvalido as error:
        raise DatosInvalidos([ErrorCampo(error.ruta, error.motivo)]) from None
    return cambios


@contextmanager
def _below(campo: str) -> Iterator[None]:
    """The faults of a part of a body are told by where they stand in the whole."""
    try:
        yield
    except DatosInvalidos as error:
        raise DatosInvalidos([ErrorCampo(f"{campo}.{e.campo}", e.mensaje) for e in error.errores]) from None
