"""Bodies of scenes and of bulk orders, strict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from app.domain.peticiones import Cambios
from app.masivo import MAX_DISPOSITIVOS
from app.schemas import Configuracion, parse_cambios, validated

DispositivoId = Annotated[int, Field(ge=1, le=2**63 - 1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class AccionEscena(_Strict):
    """Cómo debe quedar un dispositivo."""

    dispositivo_id: DispositivoId
    configuracion: Configuracion = Field(description="Se mezcla con la suya, como en un PUT.")


class CuerpoEscena(_Strict):
    """Una escena: un nombre y cómo debe quedar cada dispositivo."""

    nombre: Annotated[str, Field(min_length=1, max_length=80, pattern=r"\S")]
    acciones: Annotated[list[AccionEscena], Field(min_length=1, max_length=MAX_DISPOSITIVOS)]


class CuerpoOrdenes(_Strict):
    """Un mismo cambio para muchos dispositivos."""

    dispositivos: Annotated[list[DispositivoId], Field(min_length=1, max_length=MAX_DISPOSITIVOS)]
    cambios: dict[str, Any] = Field(description="Lo mismo que admite `PUT /dispositivos/<id>`.")


def parse_escena(body: Mapping[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """(name, actions with their configuration verbatim).

    Raises:
        DatosInvalidos: a field breaks its rule or is not known.
    """
    model = validated(CuerpoEscena, body)
    sent = body["acciones"]
    checked = [parse_cambios({"configuracion": a["configuracion"]}, 0).cambios.configuracion for a in sent]
    pairs = zip(model.acciones, checked, strict=True)
    return model.nombre.strip(), [{"dispositivo_id": a.dispositivo_id, "configuracion": c} for a, c in pairs]


def parse_ordenes(body: Mapping[str, Any]) -> list[tuple[int, Cambios]]:
    """The change of each device, once each.

    Raises:
        DatosInvalidos: a field breaks its rule or is not known.
    """
    model = validated(CuerpoOrdenes, body)
    cambios = parse_cambios(model.cambios, 0).cambios
    return [(device_id, cambios) for device_id in dict.fromkeys(model.dispositivos)]
