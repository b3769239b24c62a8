"""Bodies of accounts, sessions and tokens, strict. No message repeats a password."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.contrasenas import MAX_LENGTH, MIN_LENGTH
from app.domain.identidad import Alcance, Ambito, Rol
from app.schemas import Nombre, validated
from app.schemas_plazo import Instante, read_stamp
from app.usuarios import MAX_NOMBRE, CambioUsuario, parse_nombre

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Any

ItemId = Annotated[int, Field(ge=1, le=2**63 - 1)]
Ids = Annotated[list[ItemId], Field(max_length=500)]
NombreUsuario = Annotated[
    str,
    Field(min_length=1, max_length=MAX_NOMBRE, description="Letras, cifras, puntos y guiones; da igual mayúsculas."),
]
Clave = Annotated[str, Field(min_length=1, max_length=MAX_LENGTH)]
ClaveNueva = Annotated[
    str,
    Field(
        max_length=MAX_LENGTH,
        description=f"De {MIN_LENGTH} a {MAX_LENGTH} caracteres, los que sean; no una de las que todo el mundo prueba.",
    ),
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class CuerpoSesion(_Strict):
    """Quién entra y con qué contraseña."""

    usuario: Annotated[str, Field(min_length=1, max_length=80)]
    clave: Clave


class CuerpoInstalacion(_Strict):
    """La primera cuenta de la casa."""

    codigo: Annotated[str, Field(min_length=1, max_length=80, description="El que se enseña al arrancar.")]
    usuario: NombreUsuario
    clave: ClaveNueva


class CuerpoClave(_Strict):
    """La contraseña propia: la que hay y la que habrá."""

    actual: Clave
    nueva: ClaveNueva


class CuerpoClaveDeOtro(_Strict):
    """La contraseña que tendrá un usuario."""

    nueva: ClaveNueva


class CuerpoAlcance(_Strict):
    """La parte de la casa que alguien ve."""

    habitaciones: Ids = Field(default=[], description="`id` de habitaciones: lo que haya en ellas en cada momento.")
    dispositivos: Ids = Field(default=[], description="`id` de dispositivos, estén donde estén.")


class CuerpoUsuario(_Strict):
    """Un usuario nuevo."""

    nombre: NombreUsuario
    clave: ClaveNueva
    rol: Literal["administrador", "miembro", "invitado"]
    alcance: CuerpoAlcance | None = Field(default=None, description="Sin él, toda la casa.")


class CuerpoCambioUsuario(_Strict):
    """Lo que cambia de un usuario; lo que no se manda se queda como está."""

    rol: Literal["administrador", "miembro", "invitado"] | None = Field(default=None, description="El que tendrá.")
    activo: bool | None = Field(default=None, description="`false`: no entra, y lo que tenga abierto se cierra.")
    alcance: CuerpoAlcance | None = Field(default=None, description="`null`: toda la casa.")


class CuerpoToken(_Strict):
    """Un token nuevo."""

    nombre: Nombre = Field(description="Para qué es: sirve para reconocerlo.")
    ambito: Literal["leer", "controlar", "todo"] = Field(
        description="Lo más que permite, sin pasar nunca de lo que puede su usuario."
    )
    expira_en: Instante | None = Field(default=None, description="Cuándo deja de valer. Sin él, nunca.")
    usuario: NombreUsuario | None = Field(default=None, description="De quién es. Sin él, de quien lo pide.")


@dataclass(frozen=True, slots=True)
class PeticionToken:
    """A token asked for; ``usuario`` None is who asks."""

    nombre: str
    ambito: Ambito
    expira_en: datetime | None
    usuario: str | None


def parse_usuario(body: Mapping[str, Any]) -> tuple[str, str, Rol, Alcance | None]:
    """(name, password, role, part of the house).

    Raises:
        DatosInvalidos: a field breaks its rule or is not known.
    """
    model = validated(CuerpoUsuario, body)
    return model.nombre, model.clave, Rol(model.rol), _alcance(model.alcance)


def parse_cambio_usuario(body: Mapping[str, Any]) -> CambioUsuario:
    """What is to change.

    Raises:
        DatosInvalidos: a field breaks its rule or is not known.
    """
    model = validated(CuerpoCambioUsuario, body)
    return CambioUsuario(
        None if model.rol is None else Rol(model.rol),
        model.activo,
        _alcance(model.alcance),
        todo="alcance" in model.model_fields_set and model.alcance is None,
    )


def parse_token(body: Mapping[str, Any]) -> PeticionToken:
    """The token asked for.

    Raises:
        DatosInvalidos: a field breaks its rule or is not known.
    """
    model = validated(CuerpoToken, body)
    end = None if model.expira_en is None else read_stamp(model.expira_en)
    whose = None if model.usuario is None else parse_nombre(model.usuario)
    return PeticionToken(model.nombre.strip(), Ambito(model.ambito), end, whose)


def _alcance(model: CuerpoAlcance | None) -> Alcance | None:
    return None if model is None else Alcance(frozenset(model.habitaciones), frozenset(model.dispositivos))
