"""What people may send of the house and of overrides (see app.schemas for the manner)."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from app.domain.errors import DatosInvalidos, ErrorCampo
from app.domain.horario_zona import find_zona
from app.domain.peticiones import Cambios
from app.domain.valores import estado_of
from app.schemas import Encendido, Nombre, validated
from app.schemas_plazo import Durante, Instante, one_end

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_FESTIVOS = 400


def _fail(kind: str, message: str) -> PydanticCustomError:
    return PydanticCustomError(kind, "{mensaje}", {"mensaje": message})


def _zona(value: str) -> str:
    if find_zona(value) is None:
        raise _fail("zona", "no se conoce esa zona horaria (ejemplo: Europe/Madrid)")
    return value


def _fecha(value: str) -> str:
    try:
        plain = len(value) == 10 and date.fromisoformat(value).year >= 1970
    except ValueError:
        plain = False
    if not plain:
        raise _fail("fecha", "debe ser una fecha AAAA-MM-DD desde 1970")
    return value


_FECHA = WithJsonSchema({"type": "string", "format": "date", "examples": ["2026-12-25"]})
Fecha = Annotated[str, AfterValidator(_fecha), _FECHA]
Zona = Annotated[str, AfterValidator(_zona), WithJsonSchema({"type": "string", "examples": ["Europe/Madrid"]})]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class CuerpoCasa(_Strict):
    """Lo que vale para toda la casa. Lo que no se envía queda como está; `null` vuelve al ajuste del programa."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    nombre: Nombre | None = None
    zona: Zona | None = Field(None, description="Zona horaria IANA, como `Europe/Madrid`.")
    latitud: Annotated[float, Field(ge=-90, le=90)] | None = Field(None, description="Grados; norte positivo.")
    longitud: Annotated[float, Field(ge=-180, le=180)] | None = Field(None, description="Grados; este positivo.")
    festivos: Annotated[list[Fecha], Field(max_length=MAX_FESTIVOS)] | None = Field(
        None, description="Días festivos, para los horarios que los tratan aparte."
    )


class CuerpoAnular(_Strict):
    """Encender o apagar por encima del horario. Sin plazo, hasta el próximo cambio del horario."""

    encendido: Encendido = Field(description="Cómo debe estar mientras dure.")
    hasta: Instante | None = Field(None, description="Hasta cuándo, con su desfase o `Z`.")
    durante_s: Durante | None = Field(None, description="Durante cuántos segundos, hasta una semana.")


def parse_casa(body: Mapping[str, Any]) -> dict[str, Any]:
    """The decisions in a body; None: back to the settings.

    Raises:
        DatosInvalidos: a field breaks its rule, is not known, or there is none.
    """
    model = validated(CuerpoCasa, body)
    if not body:
        raise DatosInvalidos([ErrorCampo("", f"indique alguno de: {', '.join(CuerpoCasa.model_fields)}")])
    found = {name: getattr(model, name) for name in body}
    if found.get("festivos") is not None:
        found["festivos"] = sorted(set(found["festivos"]))
    return found


def parse_anular(body: Mapping[str, Any]) -> Cambios:
    """The override in a body.

    Raises:
        DatosInvalidos: a field breaks its rule or is not known.
    """
    model = validated(CuerpoAnular, body)
    hasta = one_end(model.hasta, model.durante_s)
    return Cambios(estado=estado_of(model.encendido), hasta=hasta, durante_s=model.durante_s)
