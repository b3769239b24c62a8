"""Bodies of rules, strict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from app.domain.errors import DatosInvalidos, ErrorCampo
from app.domain.regla import CON_HISTERESIS, MAX_HOJAS, MAX_HONDO, UNIONES
from app.schemas import Configuracion, Nombre, Ventana, validated
from app.schemas_escenas import DispositivoId, configuracion_de
from app.schemas_plazo import MAX_DURANTE_S

_CAMPOS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "parametro": (("dispositivo_id", "operador", "valor"), ("histeresis", "durante_s")),
    "estado": (("dispositivo_id",), ("durante_s",)),
    "conectividad": (("dispositivo_id",), ("durante_s",)),
    "horario": ((), ("durante_s",)),
    **dict.fromkeys(UNIONES, ((), ())),
}
"""Kind of a condition -> the fields that it needs, and those that it may have."""
MAX_ACCIONES = 16


def _fail(message: str) -> PydanticCustomError:
    return PydanticCustomError("condicion", "{mensaje}", {"mensaje": message})


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class Condicion(_Strict):
    """Una condición: mira un dispositivo o la hora, o une otras con `todas`, `alguna` o `no`."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": [kind, *needs]} for kind, (needs, _) in _CAMPOS.items()]}
    )

    todas: Annotated[list[Condicion], Field(min_length=1, max_length=MAX_HOJAS)] | None = None
    alguna: Annotated[list[Condicion], Field(min_length=1, max_length=MAX_HOJAS)] | None = None
    no: Condicion | None = None
    dispositivo_id: DispositivoId | None = None
    parametro: Annotated[str, Field(min_length=1, max_length=100)] | None = Field(
        None, description="Un parámetro suyo; `bateria.nivel` es el `nivel` del objeto `bateria`."
    )
    operador: Literal[">", ">=", "<", "<=", "==", "!="] | None = None
    valor: bool | float | Annotated[str, Field(max_length=100)] | None = None
    histeresis: Annotated[float, Field(ge=0, le=2**53)] | None = Field(
        None, description="Cuánto debe retroceder para dejar de cumplirse."
    )
    estado: Literal["activo", "inactivo"] | None = None
    conectividad: Literal["en_linea", "dudoso", "fuera", "desconocido"] | None = None
    horario: Annotated[list[Ventana], Field(min_length=1, max_length=MAX_HOJAS)] | None = Field(
        None, description="Franjas semanales, en la hora de la casa."
    )
    durante_s: Annotated[float, Field(ge=0, le=MAX_DURANTE_S)] | None = Field(
        None, description="Cuántos segundos seguidos debe cumplirse, hasta una semana."
    )

    @model_validator(mode="after")
    def _of_one_kind(self) -> Condicion:
        kinds = [name for name in _CAMPOS if getattr(self, name) is not None]
        if len(kinds) != 1:
            raise _fail(f"debe tener uno, y solo uno, de {', '.join(_CAMPOS)}")
        needs, may = _CAMPOS[kinds[0]]
        given = {name for name in self.model_fields_set if getattr(self, name) is not None} - {kinds[0]}
        if missing := [name for name in needs if name not in given]:
            raise _fail(f"con {kinds[0]} falta {', '.join(missing)}")
        if beyond := sorted(given - {*needs, *may}):
            raise _fail(f"{', '.join(beyond)} no va con {kinds[0]}")
        numeric = isinstance(self.valor, float) and not isinstance(self.valor, bool)
        if self.operador in CON_HISTERESIS and not numeric:
            raise _fail(f"{self.operador} necesita un número en valor")
        if self.histeresis and self.operador not in CON_HISTERESIS:
            raise _fail(f"histeresis no va con {self.operador}")
        return self


class AccionAviso(_Strict):
    """Dejar un aviso en el buzón, que sale también por las puertas que haya."""

    tipo: Literal["aviso"]
    texto: Annotated[str, Field(min_length=1, max_length=500)]
    gravedad: Literal["info", "advertencia", "grave"] | None = None
    se_resuelve: bool = Field(False, description="El aviso se cierra solo cuando la condición deja de cumplirse.")


class AccionOrden(_Strict):
    """Pedir algo a un dispositivo."""

    tipo: Literal["orden"]
    dispositivo_id: DispositivoId
    configuracion: Configuracion = Field(description="Se mezcla con la suya, como en un PUT.")


class AccionAplicar(_Strict):
    """Aplicar una escena."""

    tipo: Literal["escena"]
    escena_id: DispositivoId


def _which(value: Any) -> str | None:
    tipo = value.get("tipo") if isinstance(value, dict) else getattr(value, "tipo", None)
    return f"[{tipo}]" if tipo in ("aviso", "orden", "escena") else None


AccionRegla = Annotated[
    Annotated[AccionAviso, Tag("[aviso]")]
    | Annotated[AccionOrden, Tag("[orden]")]
    | Annotated[AccionAplicar, Tag("[escena]")],
    Discriminator(
        _which,
        custom_error_type="accion",
        custom_error_message="{mensaje}",
        custom_error_context={"mensaje": "necesita tipo: aviso, orden o escena"},
    ),
]


class CuerpoRegla(_Strict):
    """Una regla: cuando la condición pasa a cumplirse, las acciones, una vez."""

    nombre: Nombre
    activa: bool = Field(True, description="Sin marcar, la regla se guarda y no hace nada.")
    condicion: Condicion
    acciones: Annotated[list[AccionRegla], Field(min_length=1, max_length=MAX_ACCIONES)]


def parse_regla(body: Mapping[str, Any]) -> tuple[str, bool, dict[str, Any], list[dict[str, Any]]]:
    """(name, active, condition and actions verbatim).

    Raises:
        DatosInvalidos: a field breaks its rule or is not known; too many conditions, or one inside another too deep.
    """
    _check_shape(body.get("condicion"))
    model = validated(CuerpoRegla, body)
    acciones = [dict(a) for a in body["acciones"]]
    for n, accion in enumerate(acciones):
        if accion["tipo"] == "orden":
            accion["configuracion"] = configuracion_de(accion["configuracion"], f"acciones[{n}]")
    return model.nombre.strip(), model.activa, dict(body["condicion"]), acciones


def _check_shape(condicion: Any) -> None:
    """Before it is looked at closely: how deep and how many."""
    leaves, level = 0, [condicion]
    for _ in range(MAX_HONDO):
        level, below = [], level
        for part in below:
            if not isinstance(part, Mapping):
                continue
            inner = [x for tipo in UNIONES for x in _parts(part.get(tipo))]
            level += inner
            leaves += not inner
    if level:
        raise DatosInvalidos([ErrorCampo("condicion", f"no puede tener más de {MAX_HONDO} niveles")])
    if leaves > MAX_HOJAS:
        raise DatosInvalidos([ErrorCampo("condicion", f"no puede mirar más de {MAX_HOJAS} cosas")])


def _parts(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
