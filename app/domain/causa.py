"""Why something changed: the cause that every change keeps, from its door to the order that it became."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.dispositivo import dump_object


@dataclass(frozen=True, slots=True)
class Causa:
    """One cause. ``tipo`` is a stable word of the wire; only the fields that mean something for it are set.

    ``http`` (somebody asked: ``quien``, ``desde``), ``dispositivo`` (it said so itself), ``horario`` (``detalle``: the
    layer and slot), ``regla`` (``nombre``, ``id``), ``escena`` (these, and who applied it:
    ``quien``, or as ``detalle`` the name of a rule), ``orden`` (its expiry), ``conectividad``, ``sistema``.
    ``cadena`` are the rules and scenes that led here, outermost first: it is how a loop is seen, and is bounded.
    """

    tipo: str
    quien: str | None = None
    """Who: an account or token; "red de confianza" where the network is the credential."""
    desde: str | None = None
    """The peer's address."""
    id: int | None = None
    """Of the scene or rule."""
    nombre: str | None = None
    detalle: str | None = None
    orden: int | None = None
    """The order that this change answers."""
    cadena: tuple[str, ...] = ()

    def as_object(self) -> dict[str, Any]:
        """The fields that are set, ``tipo`` first."""
        fields: dict[str, Any] = {"tipo": self.tipo}
        for name in ("quien", "desde", "id", "nombre", "detalle", "orden"):
            if (value := getattr(self, name)) is not None:
                fields[name] = value
        if self.cadena:
            fields["cadena"] = list(self.cadena)
        return fields

    def json(self) -> str:
        """Compact JSON of :meth:`as_object`."""
        return dump_object(self.as_object())


def recortada(causa: Mapping[str, Any]) -> dict[str, Any]:
    """What somebody who sees a part of the house is told of a cause (an object of :meth:`Causa.as_object`): what it was
    and by whom; not from where, nor which scene or rule, because these name and look at the rest of the house."""
    kept = (
        ("tipo", "quien", "orden")
        if causa.get("tipo") in ("escena", "regla")
        else ("tipo", "quien", "detalle", "orden")
    )
    return {name: causa[name] for name in kept if name in causa}


SISTEMA = Causa("sistema")
DISPOSITIVO = Causa("dispositivo")
