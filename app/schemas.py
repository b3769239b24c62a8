"""What people may send, as pydantic models; they validate, document (openapi.py) and become the domain's requests.

The models validate; what is stored is what was sent: unknown keys of ``configuracion`` and both shapes of ``horarios``
are kept verbatim. A ``null`` at the top level reads as «not sent».
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from app.domain.errors import DatosInvalidos, ErrorCampo
from app.domain.horario import validar
from app.domain.peticiones import Cambios
from app.domain.valores import ESTADO_DESCONOCIDO, estado_of, is_serial, parse_encendido
from app.problems import Problem, ProblemError
from app.schemas_plazo import SUN_PATTERN, Durante, Instante, is_sun_time, one_end

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

M = TypeVar("M", bound=BaseModel)

MODOS = ("manual", "horario")
DIAS_ES = ("lunes", "martes", "miercoles", "jueves", "viernes", "sabado", "domingo")
DIAS_EN = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DIAS = frozenset((*DIAS_ES, *DIAS_EN, "todos", "all", "diario", "daily"))
_HORA = re.compile(r"([01]?[0-9]|2[0-3]):[0-5][0-9]", re.ASCII)
SPELLINGS = "true|false, o activo|on|1 e inactivo|off|0"
_SWITCH_SCHEMA = WithJsonSchema(
    {
        "anyOf": [
            {"type": "boolean"},
            {"type": "integer", "enum": [0, 1]},
            {"type": "string", "enum": ["activo", "on", "true", "1", "inactivo", "off", "false", "0"]},
        ],
        "description": f"Encendido o apagado: {SPELLINGS}.",
    }
)


def fail(kind: str, message: str) -> PydanticCustomError:
    return PydanticCustomError(kind, "{mensaje}", {"mensaje": message})


def _switch(value: object) -> bool:
    on = parse_encendido(value)
    if on is None:
        raise fail("encendido", f"debe ser {SPELLINGS}")
    return on


def _estado(value: object) -> str:
    if value == ESTADO_DESCONOCIDO:
        return ESTADO_DESCONOCIDO
    on = parse_encendido(value)
    if on is None:
        raise fail("estado", "debe ser activo o inactivo (o on|true|1, off|false|0)")
    return estado_of(on)


def _modo(value: object) -> str:
    word = value.strip().lower() if isinstance(value, str) else None
    if word not in MODOS:
        raise fail("modo", "debe ser uno de: manual, horario")
    return word


def _serial(value: str) -> str:
    if not is_serial(value):
        raise fail("serial", "debe tener de 1 a 100 caracteres de A-Z a-z 0-9 . _ : - y no ser «.» ni «..»")
    return value


def _visible(value: str) -> str:
    if not value.strip():
        raise fail("vacio", "no puede estar en blanco")
    return value


def _printable(value: str) -> str:
    if any(unicodedata.category(c) == "Cc" and c not in "\n\t" for c in value):
        raise fail("control", "no puede llevar caracteres de control")
    return value


def _hora(value: str) -> str:
    if _HORA.fullmatch(value) is None and not is_sun_time(value):
        raise fail("hora", "debe ser una hora HH:MM entre 00:00 y 23:59, o amanecer o atardecer ± minutos")
    return value


def plain_day(name: str) -> str:
    """A day's name as it is compared: lower case, without accents."""
    folded = unicodedata.normalize("NFD", name.strip().lower())
    return "".join(c for c in folded if not unicodedata.combining(c))


def _dia(value: str) -> str:
    if plain_day(value) not in DIAS:
        raise fail("dia", "debe ser un día (lunes...domingo, monday...sunday) o todos, all, diario")
    return value


_HORA_SCHEMA = WithJsonSchema(
    {"type": "string", "pattern": f"^(([01]?[0-9]|2[0-3]):[0-5][0-9]|{SUN_PATTERN})$", "examples": ["07:00"]}
)
Hora = Annotated[str, AfterValidator(_hora), _HORA_SCHEMA]
Dia = Annotated[str, AfterValidator(_dia), WithJsonSchema({"type": "string", "examples": ["lunes", "todos"]})]
Encendido = Annotated[bool, BeforeValidator(_switch), _SWITCH_SCHEMA]
SERIAL_SCHEMA = WithJsonSchema(
    {
        "type": "string",
        "pattern": "^[A-Za-z0-9._:-]{1,100}$",
        "not": {"enum": [".", ".."]},
        "examples": ["TMP0603IF1WD"],
    }
)
Serial = Annotated[str, AfterValidator(_serial)]
Nombre = Annotated[str, Field(min_length=1, max_length=80), AfterValidator(_visible), AfterValidator(_printable)]
Tipo = Annotated[str, Field(min_length=1, max_length=50), AfterValidator(_visible), AfterValidator(_printable)]
Modelo = Annotated[str, Field(max_length=100), AfterValidator(_printable)]
Descripcion = Annotated[str, Field(max_length=255), AfterValidator(_printable)]
Estado = Annotated[
    str,
    BeforeValidator(_estado),
    WithJsonSchema(
        {"type": "string", "enum": ["activo", "on", "true", "1", "inactivo", "off", "false", "0", "desconocido"]}
    ),
]
Modo = Annotated[str, BeforeValidator(_modo), WithJsonSchema({"type": "string", "enum": list(MODOS)})]


class Body(BaseModel):
    """Strict types; keys that are not known are let through, for the caller to keep or to name."""

    model_config = ConfigDict(extra="allow", strict=True, hide_input_in_errors=True)


_WHOLE_WINDOW: list[Any] = [
    {"anyOf": [{"required": [es]}, {"required": [en]}]} for es, en in (("inicio", "start"), ("fin", "end"))
]


class Ventana(Body):
    """Una franja semanal. Puede cruzar la medianoche; sin `dias` vale para todos."""

    model_config = ConfigDict(json_schema_extra={"allOf": _WHOLE_WINDOW})

    dias: list[Dia] | None = Field(None, description="Días en español o inglés, con o sin acentos; o todos.")
    inicio: Hora = Field("", description="Hora de encendido; también se admite `start`.")
    fin: Hora = Field("", description="Hora de apagado; también se admite `end`.")
    start: Hora = Field("", description="Como `inicio`.")
    end: Hora = Field("", description="Como `fin`.")

    @model_validator(mode="after")
    def _whole(self) -> Ventana:
        if not (self.inicio or self.start) or not (self.fin or self.end):
            raise fail("ventana", "necesita inicio y fin (o start y end)")
        return self


def _evento(value: Any) -> Any:
    if not isinstance(value, list) or len(value) != 2 or not isinstance(value[0], str):
        raise fail("evento", 'debe ser un par ["HH:MM", "on"|"off"]')
    _hora(value[0])
    _switch(value[1])
    return value


Evento = Annotated[
    Any,
    BeforeValidator(_evento),
    WithJsonSchema(
        {
            "type": "array",
            "prefixItems": [{"type": "string"}, {}],
            "minItems": 2,
            "maxItems": 2,
            "examples": [["07:00", "on"]],
        }
    ),
]
Horarios = Annotated[
    Annotated[list[Ventana], Tag("[ventanas]")] | Annotated[dict[Dia, list[Evento]], Tag("[eventos]")],
    Discriminator(lambda value: "[eventos]" if isinstance(value, dict) else "[ventanas]"),
]


class Configuracion(Body):
    """Lo que se quiere del dispositivo. Forma libre: las claves que no se conocen se guardan tal cual."""

    modo: Modo | None = Field(None, description="Quién manda: `manual` o `horario`. Mayúsculas o minúsculas.")
    encendido: Encendido = Field(False, description=f"Encendido o apagado: {SPELLINGS}.")
    intervalo_envio: float | None = Field(None, gt=0, le=2**53, description="Segundos entre mensajes del dispositivo.")
    horarios: Horarios | None = Field(
        None, description="Franjas (lista) o eventos por día (objeto); se guarda lo enviado."
    )


class CuerpoCambios(Body):
    """Cambiar un dispositivo. Lo que no se puede cambiar se ignora y se nombra en `ignorados`."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    nombre: Nombre | None = None
    tipo: Tipo | None = None
    modelo: Modelo | None = None
    descripcion: Descripcion | None = None
    configuracion: Configuracion | None = Field(None, description="Se mezcla, clave a clave, con la actual.")
    encendido: Encendido | None = Field(None, description=f"Encendido o apagado: {SPELLINGS}.")
    estado: Estado | None = Field(
        None, description="`activo` o `inactivo`. Según el modo manda este campo o `encendido`; el otro se deduce."
    )
    hasta: Instante | None = Field(None, description="Hasta cuándo se aparta del horario lo que se pide.")
    durante_s: Durante | None = Field(None, description="Durante cuántos segundos se aparta, hasta una semana.")
    esperado_cada_s: float | None = Field(None, ge=1, le=86400, description="Cada cuánto se espera; null: se aprende.")
    habitacion_id: Annotated[int, Field(ge=1, le=2**63 - 1)] | None = Field(None, description="null: ninguna.")


EDITABLE = frozenset(CuerpoCambios.model_fields)
_IDENTITY = ("id", "serial_number")


@dataclass(frozen=True, slots=True)
class PeticionCambios:
    """A validated PUT: what to change, what was sent in vain, and the serial that the body claims the device has."""

    cambios: Cambios
    ignorados: tuple[str, ...]
    serial_number: object


def parse_cambios(body: Mapping[str, Any], device_id: int) -> PeticionCambios:
    """The edit in a body.

    Raises:
        DatosInvalidos: a field breaks its rule, or `id` is another device's.
    """
    if not body:
        raise ProblemError(Problem(400, "json_invalido", "Datos JSON inválidos o faltantes", "El objeto viene vacío"))
    model = validated(CuerpoCambios, body)
    sent_id = body.get("id")
    if sent_id is not None and (isinstance(sent_id, bool) or sent_id != device_id):
        raise another_identity("id")
    unknown = model.estado == ESTADO_DESCONOCIDO  # read from us and sent back; nobody can wish for it
    ignorados = [k for k in body if k not in EDITABLE and k not in _IDENTITY] + ["estado"] * unknown
    cambios = Cambios(
        *texts(model),
        sent_configuracion(body, model.configuracion),
        model.encendido,
        None if unknown else model.estado,
        one_end(model.hasta, model.durante_s),
        model.durante_s,
        (model.esperado_cada_s,) if "esperado_cada_s" in body else None,
        (model.habitacion_id,) if "habitacion_id" in body else None,
    )
    return PeticionCambios(cambios, tuple(ignorados), body.get("serial_number"))


def another_identity(campo: str) -> DatosInvalidos:
    """The body names another device than the path."""
    return DatosInvalidos([ErrorCampo(campo, "no es el de este dispositivo, y no se puede cambiar")])


class ConTextos(Protocol):
    """A body with the texts of a device."""

    nombre: str | None
    tipo: str | None
    modelo: str | None
    descripcion: str | None


def texts(model: ConTextos) -> tuple[str | None, str | None, str | None, str | None]:
    """The texts in a body; None: not sent."""
    return model.nombre, model.tipo, model.modelo, model.descripcion


def sent_configuracion(body: Mapping[str, Any], model: Configuracion | None) -> dict[str, Any] | None:
    """What was sent, verbatim but for ``encendido``, which becomes the boolean that it means."""
    if model is None:
        return None
    sent = dict(body["configuracion"])
    if errores := validar(sent):
        raise DatosInvalidos(errores)
    if "encendido" in sent:
        sent["encendido"] = model.encendido
    return sent


def validated(kind: type[M], body: Mapping[str, Any]) -> M:
    """The body as a model.

    Raises:
        DatosInvalidos: a field breaks its rule.
    """
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        raise DatosInvalidos(_errores(error)) from None


def _errores(error: ValidationError) -> list[ErrorCampo]:
    return [ErrorCampo(_path(e["loc"]), _message(e)) for e in error.errors(include_url=False, include_input=False)[:20]]


def _path(loc: Iterable[int | str]) -> str:
    text = ""
    for step in loc:
        if isinstance(step, int):
            text += f"[{step}]"
        elif not step.startswith("["):  # the name of a variant
            text += f".{step}" if text else step
    return text[:200]


_MESSAGES = {
    "missing": "falta",
    "string_type": "debe ser un texto",
    "string_too_short": "no puede estar vacío",
    "string_too_long": "no puede pasar de {max_length} caracteres",
    "bool_type": "debe ser true o false",
    "int_type": "debe ser un número entero",
    "float_type": "debe ser un número",
    "finite_number": "debe ser un número finito",
    "greater_than": "debe ser mayor que {gt}",
    "greater_than_equal": "debe ser al menos {ge}",
    "less_than_equal": "no puede pasar de {le}",
    "too_long": "no puede tener más de {max_length} elementos",
    "extra_forbidden": "no se conoce",
    "too_short": "no puede tener menos de {min_length} elementos",
    "literal_error": "debe ser {expected}",
    "list_type": "debe ser una lista",
    "dict_type": "debe ser un objeto",
    "model_type": "debe ser un objeto",
    "model_attributes_type": "debe ser un objeto",
}


def _message(error: Mapping[str, Any]) -> str:
    context = error.get("ctx") or {}
    if "mensaje" in context:
        return str(context["mensaje"])
    template = _MESSAGES.get(error["type"])
    return template.format(**context).replace("' or '", "' o '") if template else "no es válido"
