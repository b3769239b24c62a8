"""Bodies about whose a device is and which are not to appear, strict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema, model_validator

from app.domain.ignorado import MIN_PREFIJO
from app.domain.valores import is_serial
from app.schemas import fail, validated


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


def _pattern(value: str) -> str:
    if not is_serial(value):
        raise fail("patron", "debe tener de 1 a 100 caracteres de A-Z a-z 0-9 . _ : -")
    return value


class CuerpoTransferencia(_Strict):
    """A quién pasa el dispositivo."""

    usuario: Annotated[str, Field(min_length=1, max_length=80)] = Field(description="Nombre de su cuenta.")


_PATRON: dict[str, Any] = {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,100}$", "examples": ["TMP0603IF1WD"]}
Patron = Annotated[str, AfterValidator(_pattern), WithJsonSchema(_PATRON)]


class CuerpoIgnorado(_Strict):
    """Qué no debe aparecer: una serie, o todas las que empiecen así."""

    patron: Patron = Field(description="Número de serie, o su principio.")
    prefijo: bool = Field(False, description=f"Es un principio; ha de tener {MIN_PREFIJO} caracteres o más.")

    @model_validator(mode="after")
    def _long_enough(self) -> CuerpoIgnorado:
        if self.prefijo and len(self.patron) < MIN_PREFIJO:
            raise fail("prefijo", f"un principio ha de tener {MIN_PREFIJO} caracteres o más")
        return self


def parse_ignorado(body: Mapping[str, Any]) -> tuple[str, bool]:
    """(pattern, whether it is a beginning).

    Raises:
        DatosInvalidos: a field breaks its rule.
    """
    model = validated(CuerpoIgnorado, body)
    return model.patron, model.prefijo


def parse_transferencia(body: Mapping[str, Any]) -> str:
    """The account's name.

    Raises:
        DatosInvalidos: a field breaks its rule.
    """
    return validated(CuerpoTransferencia, body).usuario
