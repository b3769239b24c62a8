"""The life of an order, and of the wishes on a device's row: what was asked and is not proven.

An order is ``pendiente`` until the broker holds the version that carries it, then ``enviada``, and ends once:
``aplicada`` (the device's own later report matches), ``rechazada`` (the device says otherwise), ``expirada`` (nothing
proved it in time) or ``sustituida`` (all of it was asked anew). ``Dispositivo.deseos_json`` holds a wish for each
property that an open order asks for, ``{}`` almost always. A wish of ``encendido`` that ended badly stays, so that
``deriva`` goes on telling it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from app.domain.causa import recortada
from app.domain.dispositivo import Dispositivo, dump_object, load_object
from app.domain.valores import ESTADO_ACTIVO, ESTADO_INACTIVO

PENDIENTE, ENVIADA = "pendiente", "enviada"
APLICADA, RECHAZADA, EXPIRADA, SUSTITUIDA = "aplicada", "rechazada", "expirada", "sustituida"
ESTADOS = (PENDIENTE, ENVIADA, APLICADA, RECHAZADA, EXPIRADA, SUSTITUIDA)
ABIERTA = "abierta"
"""A wish that nobody has answered. Whether it was sent is told by its order only: the device's representation must not
change without a new version of the device."""
ENCENDIDO = "encendido"
SIN_DESEOS = "{}"
SIN_PRUEBA = "sin_prueba"
MAX_MOTIVO = 80
EXPECTED_REPORTS = 3
"""A device may miss two of its reports before an order to it expires."""


@dataclass(frozen=True, slots=True)
class LimitesOrden:
    """The settings ORDER_TTL_S (seconds), ORDERS_KEPT (of each device) and NOTICES_MAX."""

    ttl_s: float = 60.0
    guardadas: int = 200
    avisos: int = 500


@dataclass(frozen=True, slots=True)
class Orden:
    """An order as its row holds it; ``cambios_json`` and ``causa_json`` are JSON texts of an object."""

    id: int
    dispositivo_id: int
    version: int
    cambios_json: str
    estado: str
    motivo: str
    causa_json: str
    creada_en: str
    enviada_en: str | None
    cerrada_en: str | None
    expira_en: str

    def as_object(self, *, parte: bool = False) -> dict[str, Any]:
        """What clients read, in the order of the documentation; ``parte``: those who see a part of the house."""
        return {
            "id": self.id,
            "dispositivo_id": self.dispositivo_id,
            "version": self.version,
            "cambios": load_object(self.cambios_json),
            "estado": self.estado,
            "motivo": self.motivo,
            "causa": recortada(load_object(self.causa_json)) if parte else load_object(self.causa_json),
            "creada_en": self.creada_en,
            "enviada_en": self.enviada_en,
            "cerrada_en": self.cerrada_en,
            "expira_en": self.expira_en,
        }


@dataclass(frozen=True, slots=True)
class Deseo:
    """One wish. ``en`` is when it was asked, ``enviada`` when the broker held it, ``contra`` when an opposite wish that
    the device may have heard gave way to it. ``visto`` holds what the device said instead (one value), if it did."""

    valor: Any
    en: str
    orden: int
    version: int
    estado: str = ABIERTA
    enviada: str | None = None
    contra: str | None = None
    visto: tuple[Any, ...] = ()


Deseos = Mapping[str, Deseo]


@dataclass(frozen=True, slots=True)
class Testimonio:
    """What a report says that may answer a wish. ``dicho``: on or off, None when it does not say; ``antes``: what the
    device said before. ``version`` is the desired version that it echoes, ``rechazo`` one that it refuses and why.
    ``propio``: it reads its desired configuration from a topic of its own."""

    dicho: bool | None
    antes: bool | None
    configuracion: Mapping[str, Any] | None = None
    parametros: Mapping[str, Any] | None = None
    version: int | None = None
    rechazo: tuple[int, str] | None = None
    propio: bool = False


@dataclass(frozen=True, slots=True)
class Cierre:
    """The end of an order."""

    orden: int
    estado: str
    motivo: str = ""


@dataclass(frozen=True, slots=True)
class Juicio:
    """What a report makes of the wishes: those that are left, the orders that end, what is held against it.

    ``volver``: be as this again, because the wish to be otherwise was refused.
    """

    deseos_json: str = SIN_DESEOS
    cierres: tuple[Cierre, ...] = ()
    sostenidos: Mapping[str, Any] = field(default_factory=dict)
    volver: bool | None = None

    @property
    def probada(self) -> int | None:
        """The newest order that the report proves."""
        return max((c.orden for c in self.cierres if c.estado == APLICADA), default=None)


NADA_PEDIDO = Juicio()


def load_deseos(text: str) -> dict[str, Deseo]:
    """The wishes of a row."""
    return {
        prop: Deseo(
            w["valor"],
            w["en"],
            w["orden"],
            w["version"],
            w["estado"],
            w.get("enviada"),
            w.get("contra"),
            tuple(w.get("visto", ())),
        )
        for prop, w in load_object(text).items()
    }


def dump_deseos(deseos: Deseos) -> str:
    """The wishes as compact JSON; what is not set is left out."""
    return dump_object({prop: _plain(w) for prop, w in deseos.items()}) if deseos else SIN_DESEOS


def _plain(w: Deseo) -> dict[str, Any]:
    found = {"valor": w.valor, "en": w.en, "orden": w.orden, "version": w.version, "estado": w.estado}
    if w.enviada:
        found["enviada"] = w.enviada
    if w.contra:
        found["contra"] = w.contra
    if w.visto:
        found["visto"] = list(w.visto)
    return found


def word_of(estado_reportado: str | None) -> bool | None:
    """The device's own last word as a boolean; None when it never said."""
    return {ESTADO_ACTIVO: True, ESTADO_INACTIVO: False}.get(estado_reportado or "")


def same(a: Any, b: Any) -> bool:
    """Whether two JSON values are the same; true is not 1, 5 is 5.0."""
    return bool(a == b) and isinstance(a, bool) == isinstance(b, bool)


def cambios_pedidos(
    antes: Mapping[str, Any], despues: Mapping[str, Any], pedido: bool | None, palabra: bool | None
) -> dict[str, Any]:
    """What an order has to ask for: the keys of the configuration that changed, and ``encendido`` when it was asked and
    the configuration or the device's own last word is otherwise."""
    absent = object()
    found = {k: v for k, v in despues.items() if k != ENCENDIDO and not same(antes.get(k, absent), v)}
    if pedido is not None and (pedido is not palabra or antes.get(ENCENDIDO) is not pedido):
        found[ENCENDIDO] = pedido
    return found


def pedir(
    deseos: Deseos, cambios: Mapping[str, Any], *, orden: int, version: int, now: str
) -> tuple[dict[str, Deseo], dict[int, set[str]]]:
    """The wishes once an order asks for ``cambios``, and which properties that takes from which open orders."""
    found, lost = dict(deseos), dict[int, set[str]]()
    for prop, valor in cambios.items():
        old = found.get(prop)
        contra = None
        if old is not None and old.estado == ABIERTA:
            lost.setdefault(old.orden, set()).add(prop)
            contra = old.contra if same(old.valor, valor) else now
        found[prop] = Deseo(valor, now, orden, version, contra=contra)
    return found, lost


def enviar(deseos: Deseos, version: int, now: str) -> dict[str, Deseo]:
    """The wishes once the broker holds this version of the desired configuration."""
    return {
        prop: replace(w, enviada=now) if w.estado == ABIERTA and w.version <= version and w.enviada is None else w
        for prop, w in deseos.items()
    }


# --- a report answers -------------------------------------------------------------------------------------------------
class _Voto:
    """What a report says of one wish."""

    PRUEBA, CONTRA, CALLA, NIEGA = range(4)
    """It proves it; it says otherwise but may not have heard; it does not say; it says otherwise for good."""


def juzgar(deseos_json: str, t: Testimonio, now: datetime, grace: timedelta) -> Juicio:
    """What a report makes of the wishes.

    A matching report is proof when it comes after the order and could not have been the same without it: it echoes the
    version, or the device's word changed to match, or the broker held the order before (and no opposite wish that the
    device may still be obeying gave way to it within ``grace``). A configuration is one document, so a device that is
    seen to obey its ``encendido`` has obeyed the whole order, unless the report itself says otherwise of a part.
    """
    deseos = load_deseos(deseos_json)
    left = {p: w for p, w in deseos.items() if w.estado == ABIERTA or not _healed(p, w, t)}
    votes = {p: _vote(p, w, t, now, grace) for p, w in left.items() if w.estado == ABIERTA}
    cierres = []
    orden_of = {p: left[p].orden for p in votes}  # the loop takes wishes out of ``left``
    for orden in sorted(set(orden_of.values())):
        mine = {p: v for p, v in votes.items() if orden_of[p] == orden}
        if (cierre := _verdict(orden, mine, t)) is not None:
            cierres.append(cierre)
            _close(left, mine, cierre, t)
        else:
            _keep(left, mine, t)
    held = {p: left[p].valor for p in votes if p in left and left[p].estado == ABIERTA}
    on = left.get(ENCENDIDO)
    refused = on is not None and votes.get(ENCENDIDO) == _Voto.NIEGA and t.dicho is None
    return Juicio(dump_deseos(left), tuple(cierres), held, t.antes if refused else None)


def _healed(prop: str, w: Deseo, t: Testimonio) -> bool:
    """Whether a wish that ended badly need not be told any more: the device matches, or has changed by itself."""
    if prop == ENCENDIDO:
        return t.dicho is not None and (t.dicho is w.valor or t.dicho is not t.antes)
    return t.configuracion is not None and prop in t.configuracion and same(t.configuracion[prop], w.valor)


def _vote(prop: str, w: Deseo, t: Testimonio, now: datetime, grace: timedelta) -> int:
    if t.rechazo is not None and t.rechazo[0] >= w.version:
        return _Voto.NIEGA
    heard = None if t.version is None else t.version >= w.version
    if prop == ENCENDIDO:
        return _vote_encendido(w, t, heard, now, grace)
    if t.configuracion is not None and prop in t.configuracion:
        if same(t.configuracion[prop], w.valor):
            return _Voto.PRUEBA if heard or (heard is None and w.enviada is not None) else _Voto.CALLA
        return _Voto.NIEGA if heard or (heard is None and _too_late(w, t, now, grace)) else _Voto.CONTRA
    if heard:
        return _Voto.PRUEBA
    named = t.parametros is not None and prop in t.parametros and same(t.parametros[prop], w.valor)
    return _Voto.PRUEBA if named and heard is None and w.enviada is not None else _Voto.CALLA


def _vote_encendido(w: Deseo, t: Testimonio, heard: bool | None, now: datetime, grace: timedelta) -> int:
    if t.dicho is None:
        return _Voto.CALLA
    if t.dicho is not w.valor:
        return _Voto.NIEGA if heard or (heard is None and _too_late(w, t, now, grace)) else _Voto.CONTRA
    if heard is not None:
        return _Voto.PRUEBA if heard else _Voto.CALLA
    if t.antes is not None and t.antes is not t.dicho:
        return _Voto.PRUEBA
    settled = w.contra is None or not within(w.contra, now, grace)
    return _Voto.PRUEBA if w.enviada is not None and settled else _Voto.CALLA


def _too_late(w: Deseo, t: Testimonio, now: datetime, grace: timedelta) -> bool:
    """Whether the device has had its time to hear. One that reads its own topic can't before the broker has it."""
    since = w.enviada if t.propio else w.en
    return since is not None and not within(since, now, grace)


def within(since: str, now: datetime, grace: timedelta) -> bool:
    """Whether ``since`` is less than ``grace`` ago; a time that lies ahead (the clock was set back) is not."""
    return timedelta(0) <= now - datetime.fromisoformat(since) < grace


def _verdict(orden: int, votes: Mapping[str, int], t: Testimonio) -> Cierre | None:
    if _Voto.NIEGA in votes.values():
        return Cierre(orden, RECHAZADA, _why(votes, t))
    proven = [p for p, v in votes.items() if v == _Voto.PRUEBA]
    if len(proven) == len(votes) or (ENCENDIDO in proven and _Voto.CONTRA not in votes.values()):
        return Cierre(orden, APLICADA)
    return None


def _why(votes: Mapping[str, int], t: Testimonio) -> str:
    if t.rechazo is not None:
        return t.rechazo[1][:MAX_MOTIVO]
    if votes.get(ENCENDIDO) == _Voto.NIEGA:
        return sigue(t.dicho)
    prop = next(p for p, v in votes.items() if v == _Voto.NIEGA)
    return f"el dispositivo dice otra cosa de {prop}"[:MAX_MOTIVO]


def sigue(on: bool | None) -> str:
    """Why an order to switch did not come true."""
    return f"el dispositivo sigue {ESTADO_ACTIVO if on else ESTADO_INACTIVO}"


def _close(left: dict[str, Deseo], votes: Mapping[str, int], cierre: Cierre, t: Testimonio) -> None:
    for prop, vote in votes.items():
        if cierre.estado == RECHAZADA and vote == _Voto.NIEGA:
            left[prop] = replace(left[prop], estado=RECHAZADA, visto=_seen(prop, left[prop], t))
        else:
            del left[prop]


def _keep(left: dict[str, Deseo], votes: Mapping[str, int], t: Testimonio) -> None:
    for prop, vote in votes.items():
        if vote == _Voto.PRUEBA:
            del left[prop]
        elif vote == _Voto.CONTRA:
            left[prop] = replace(left[prop], visto=_seen(prop, left[prop], t))


def _seen(prop: str, w: Deseo, t: Testimonio) -> tuple[Any, ...]:
    if prop == ENCENDIDO:
        return ()  # it is the device's own last word, kept beside
    return (t.configuracion[prop],) if t.configuracion is not None and prop in t.configuracion else w.visto


# --- the end of time --------------------------------------------------------------------------------------------------
def vencer(deseos: Deseos, orden: int, palabra: bool | None) -> tuple[dict[str, Deseo], bool | None, str]:
    """The wishes once an order has expired; the state to go back to, None for none; and why it expired.

    Going back is so that nothing old fires: a device that comes back hours later must find what it last was.
    """
    found = dict(deseos)
    volver, motivo = None, SIN_PRUEBA
    for prop, w in deseos.items():
        if w.orden != orden or w.estado != ABIERTA:
            continue
        if prop == ENCENDIDO and palabra is not None and palabra is not w.valor:
            volver, motivo = palabra, sigue(palabra)
            found[prop] = replace(w, estado=EXPIRADA)
        elif w.visto:
            found[prop] = replace(w, estado=EXPIRADA)
        else:
            del found[prop]  # the device never says anything of it: there is nothing to compare
    return found, volver, motivo


def deriva(deseos: Deseos, palabra: bool | None) -> dict[str, dict[str, Any]]:
    """What is not as asked: property -> desired, reported, since when, by which order. What a device has never said
    anything of is unknown, not different; but of ``encendido`` it is expected to (None: it never did)."""
    return {
        prop: {
            "deseado": w.valor,
            "reportado": palabra if prop == ENCENDIDO else next(iter(w.visto), None),
            "desde": w.en,
            "orden": w.orden,
            "estado_orden": w.estado,
        }
        for prop, w in deseos.items()
        if (palabra is not w.valor if prop == ENCENDIDO else w.visto)
    }


def deriva_of(d: Dispositivo) -> dict[str, dict[str, Any]]:
    """The same of a device as its row holds it."""
    return deriva(load_deseos(d.deseos_json), word_of(d.estado_reportado)) if d.deseos_json != SIN_DESEOS else {}


def expiry(now: datetime, esperado_s: float | None, limites: LimitesOrden) -> datetime:
    """When an order that is made now expires."""
    return now + timedelta(seconds=max(limites.ttl_s, EXPECTED_REPORTS * (esperado_s or 0.0)))


def sin(cambios_json: str, props: Iterable[str]) -> str:
    """The changes of an order without some that a newer one took over."""
    gone = set(props)
    return dump_object({k: v for k, v in load_object(cambios_json).items() if k not in gone})
