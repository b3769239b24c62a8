"""One rule while it is followed: its leaves' memory, whether it is met, and what it still owes."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from app.domain.conectividad import LOST, umbral
from app.domain.dispositivo import Dispositivo, load_object
from app.domain.horario import Plan, compilar
from app.domain.horario_tipos import Casa
from app.domain.regla import Hoja, decidir, describir, hojas_de, leer, nivel, plazo
from app.domain.regla_hoja import MemoriaHoja, seguir
from app.domain.reloj import puesto
from app.reglas import Regla

FAR_S = 86_400.0
MAX_DETALLE = 200


class ReglaViva:
    """A rule that is switched on. Instants are epoch seconds.

    ``fuego`` is the chain of causes under which it has still to be carried out, None when it has not; ``cese``: its
    notices have still to end. ``origen``: the chain that led to what its leaves see. ``disparos``: when it was carried
    out lately (monotonic seconds).
    """

    def __init__(self, regla: Regla, casa: Casa, old: ReglaViva | None) -> None:
        self.regla = regla
        self._nodo = leer(regla.condicion)
        self._hojas = hojas_de(self._nodo)
        self._planes: dict[int, Plan | None] = {
            h.n: compilar({"horarios": list(h.franjas)}, casa) for h in self._hojas if h.tipo == "horario"
        }
        self.dispositivos = list(dict.fromkeys(h.dispositivo_id for h in self._hojas if h.dispositivo_id is not None))
        self.fuego: tuple[str, ...] | None = None
        self.cese = False
        self.origen: tuple[str, ...] = ()
        self.sucia = False
        self.disparos: deque[float] = deque()
        self._told: float | None = None
        self._frontera = 0.0
        self._cumplida, self._memorias = _load(regla.memoria_json, len(self._hojas))
        if old is not None and old.regla.definicion_json == regla.definicion_json and regla.memoria_json != "{}":
            self._cumplida, self._memorias = old._cumplida, old._memorias
            self.fuego, self.cese, self.origen = old.fuego, old.cese, old.origen
            self.disparos, self._told, self.sucia = old.disparos, old._told, old.sucia

    def empezar(self, device_id: int, d: Dispositivo | None, now: float, *, arranque: bool) -> None:
        """What a device was when the following of it began; of one that is not there nothing is known.

        ``arranque``: the program has just started. What the device said last may have ended long before, so of one that
        has been silent for longer than it ever should be, what must last is not known until it speaks.
        """
        parametros = {} if d is None else load_object(d.parametros_json)
        silent = _silent_since(d, now) if arranque else None
        for hoja in self._hojas:
            if hoja.dispositivo_id != device_id:
                continue
            if d is None:
                self._follow(hoja.n, None, now)
            elif silent is not None and hoja.durante_s and hoja.tipo != "conectividad":
                self._follow(hoja.n, None, silent)
            else:
                self._look(hoja, d, parametros, now)

    def oir(self, d: Dispositivo, parametros: Mapping[str, Any], now: float) -> bool:
        """What a device is now; True when a leaf sees something else than before."""
        changed = False
        for hoja in self._hojas:
            if hoja.dispositivo_id == d.id:
                changed |= self._look(hoja, d, parametros, now)
        return changed

    def _look(self, hoja: Hoja, d: Dispositivo, parametros: Mapping[str, Any], now: float) -> bool:
        antes = self._memorias[hoja.n].valor
        return self._follow(hoja.n, nivel(hoja, d.estado, d.conectividad, parametros, antes=antes), now)

    def mirar_hora(self, now: float) -> None:
        """What the time of day is now."""
        moment = datetime.fromtimestamp(now, UTC)
        good = puesto(moment)  # else the time of day is not known
        self._frontera = now + FAR_S
        for n, plan in self._planes.items():
            known = plan.nivel(moment) if plan is not None and good else None
            self._follow(n, None if known is None else known.encendido, now)
            coming = plan.siguiente(moment) if plan is not None and good else None
            if coming is not None:
                self._frontera = min(self._frontera, coming.instante.timestamp())

    def decidir(self, now: float, cadena: tuple[str, ...]) -> None:
        """What is to be done now: it became met, under this chain, or ceased to be."""
        met = decidir(self._nodo, self._memorias, now)
        if met is None or met is self._cumplida:
            return
        self._cumplida, self.sucia = met, True
        if met:
            self.fuego = cadena
        else:
            self.cese = any(a.get("se_resuelve") for a in self.regla.acciones)

    def proxima(self, now: float) -> float:
        """When time alone may change something."""
        due = self._frontera
        for hoja in self._hojas:
            when = plazo(hoja, self._memorias[hoja.n])
            if when is not None and when > now:
                due = min(due, when)
        return due

    def desplazar(self, step: float) -> None:
        """The wall clock was set by so many seconds."""
        self._memorias = [
            replace(
                m,
                desde=None if m.desde is None else m.desde + step,
                incierta=None if m.incierta is None else m.incierta + step,
            )
            for m in self._memorias
        ]
        self.sucia = True

    def detalle(self, world: Mapping[int, Dispositivo]) -> str:
        """What met it, in words."""
        return describir(self._nodo, {i: d.nombre for i, d in world.items()})[:MAX_DETALLE]

    def avisa(self, now: float, every_s: float) -> bool:
        """Whether to tell that it was not carried out: once in ``every_s`` seconds."""
        if self._told is not None and now - self._told < every_s:
            return False
        self._told = now
        return True

    def memoria(self, *, hecho: bool = False) -> dict[str, Any]:
        """What must be known after a restart. One that still owes something is kept as it was before it did, unless
        ``hecho``: this is kept together with the doing."""
        met = self._cumplida if hecho or self.fuego is None else False
        leaves = [[m.valor, m.desde, m.incierta] for m in self._memorias]
        return {"cumplida": met or (self.cese and self.fuego is None and not hecho), "hojas": leaves}

    def hecho(self) -> None:
        """What it owed is done, and its memory is kept."""
        self.fuego, self.cese, self.sucia = None, False, False

    def _follow(self, n: int, seen: bool | None, now: float) -> bool:
        antes = self._memorias[n]
        despues = seguir(antes, seen, now)
        if despues == antes:
            return False
        self._memorias[n] = despues
        self.sucia = True
        return True


def _silent_since(d: Dispositivo | None, now: float) -> float | None:
    """Since when a device has been silent, when that is for so long that it would count as lost."""
    heard = None if d is None or d.visto_en is None else datetime.fromisoformat(d.visto_en).timestamp()
    return heard if d is not None and heard is not None and now - heard >= LOST * umbral(d) else None


def _load(memoria_json: str, count: int) -> tuple[bool, list[MemoriaHoja]]:
    kept = load_object(memoria_json)
    leaves = kept.get("hojas", [])
    if len(leaves) != count:
        return False, [MemoriaHoja()] * count
    return bool(kept.get("cumplida")), [MemoriaHoja(*leaf) for leaf in leaves]
