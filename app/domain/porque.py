"""Why a device is as it is: facts in, one sentence in Spanish or English and the chain behind it out. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from app.domain.conectividad import FUERA
from app.domain.orden import APLICADA, EXPIRADA, RECHAZADA, SUSTITUIDA, sigue

IDIOMAS = ("es", "en")
Texto = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Hecho:
    """What brought the present state: when (ISO), the cause as an object, and the order behind it, if there is one."""

    en: str
    causa: Mapping[str, Any]
    orden: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Situacion:
    """What is known of a device. ``deriva`` and ``conectividad`` are the objects that clients read."""

    nombre: str
    estado: str
    hecho: Hecho | None
    deriva: Mapping[str, Mapping[str, Any]]
    conectividad: Mapping[str, Any]
    ultima: Mapping[str, Any] | None = None
    """The newest order that asks to switch."""
    anulacion: Mapping[str, Any] | None = None
    """The override that keeps it from its schedule now: ``desde`` and ``hasta`` (ISO; None: until it is cancelled)."""


_STATE: Mapping[str, Texto] = {
    "activo": {"es": "encendido", "en": "on"},
    "inactivo": {"es": "apagado", "en": "off"},
    "desconocido": {"es": "en un estado desconocido", "en": "in an unknown state"},
}
REASONS: Mapping[str, Texto] = {
    "http": {"es": "lo pidió {quien} desde {desde}", "en": "{quien} asked for it from {desde}"},
    "dispositivo": {"es": "lo dijo el propio dispositivo", "en": "the device itself said so"},
    "horario": {"es": "lo manda su horario ({detalle})", "en": "its schedule says so ({detalle})"},
    "escena": {"es": "lo pidió la escena «{nombre}»", "en": "the scene “{nombre}” asked for it"},
    "regla": {"es": "se cumplió la regla «{nombre}» ({detalle})", "en": "the rule “{nombre}” was met ({detalle})"},
    "orden": {"es": "una orden no se cumplió ({detalle})", "en": "an order was not fulfilled"},
    "conectividad": {"es": "cambió su conexión ({detalle})", "en": "its connection changed ({detalle})"},
    "sistema": {"es": "lo hizo el propio programa", "en": "the program itself did it"},
}
"""By the kinds of :class:`app.domain.causa.Causa`."""
_APPLIED: Mapping[str, Texto] = {
    "detalle": {"es": ", que aplicó la regla «{detalle}»", "en": ", applied by the rule “{detalle}”"},
    "desde": {"es": ", que aplicó {quien} desde {desde}", "en": ", applied by {quien} from {desde}"},
    "quien": {"es": ", que aplicó {quien}", "en": ", applied by {quien}"},
}
"""Who applied a scene: by the first field of its cause that tells it."""
_TRIMMED: Mapping[str, tuple[str, Texto]] = {
    "http": ("desde", {"es": "lo pidió {quien}", "en": "{quien} asked for it"}),
    "escena": ("nombre", {"es": "lo pidió una escena", "en": "a scene asked for it"}),
    "regla": ("nombre", {"es": "se cumplió una regla", "en": "a rule was met"}),
}
"""What is said without that field, which not everybody is told."""
_HEAD: Texto = {"es": "«{nombre}» figura como {estado}", "en": "“{nombre}” is shown as {estado}"}
_SINCE: Texto = {"es": " desde el {cuando} porque {razon}", "en": " since {cuando} because {razon}"}
_NOBODY: Texto = {"es": ", y ya no se guarda por qué", "en": ", and why is not kept any more"}
_PROVEN: Texto = {"es": ", y el dispositivo lo confirmó", "en": ", and the device confirmed it"}
_LATER: Texto = {"es": " {tiempo} después", "en": " {tiempo} later"}
_WISH: Mapping[str, Texto] = {
    "abierta": {
        "es": "Se pidió {verbo} y el dispositivo aún no lo ha confirmado",
        "en": "It was asked to turn {verbo} and has not confirmed it yet",
    },
    RECHAZADA: {
        "es": "Se pidió {verbo} y el dispositivo no lo hizo ({motivo})",
        "en": "It was asked to turn {verbo} and did not ({motivo})",
    },
    EXPIRADA: {
        "es": "Se pidió {verbo} y no lo confirmó a tiempo",
        "en": "It was asked to turn {verbo} and did not confirm it in time",
    },
}
_STILL: Mapping[str, Texto] = {
    sigue(True): {"es": sigue(True), "en": "it is still on"},
    sigue(False): {"es": sigue(False), "en": "it is still off"},
}
"""Why an order was not carried out, when that is the program's own conclusion and not the device's words."""
_VERB: Mapping[bool, Texto] = {True: {"es": "encender", "en": "on"}, False: {"es": "apagar", "en": "off"}}
_LOST: Texto = {"es": "No se sabe nada de él desde el {cuando}", "en": "Nothing has been heard of it since {cuando}"}
_ASIDE: Texto = {"es": "No sigue su horario hasta {fin}", "en": "It does not follow its schedule until {fin}"}
_UNTIL: Texto = {"es": "el {cuando}", "en": "{cuando}"}
_UNTIL_CANCELLED: Texto = {"es": "que se cancele la anulación", "en": "the override is cancelled"}
_QUIEN: Texto = {"es": "alguien", "en": "somebody"}
_TRUSTED: Texto = {"es": "alguien de la red de confianza", "en": "somebody on the trusted network"}


def explicar(s: Situacion, zona: tzinfo, idioma: str) -> dict[str, Any]:
    """``{"frase", "idioma", "cadena"}``; the chain has the newest step first: ``{"tipo", "cuando", "frase", …}``."""
    frase = _HEAD[idioma].format(nombre=s.nombre, estado=_STATE.get(s.estado, _STATE["desconocido"])[idioma])
    if s.hecho is None:
        frase, cadena = frase + _NOBODY[idioma], list[dict[str, Any]]()
    else:
        more, cadena = _cause(s, s.hecho, zona, idioma)
        frase += more
    frases = [f"{frase}."]
    for step in (_aside(s, zona, idioma), _wish(s, idioma), _silence(s, zona, idioma)):
        if step is not None:
            cadena.insert(0, step)
            frases.append(f"{step['frase']}.")
    return {"frase": " ".join(frases), "idioma": idioma, "cadena": cadena}


def _cause(s: Situacion, hecho: Hecho, zona: tzinfo, idioma: str) -> tuple[str, list[dict[str, Any]]]:
    """Since when and why, and the steps behind it, newest first."""
    orden = hecho.orden
    if orden is None:
        return _since(hecho.en, hecho.causa, zona, idioma), [_root(hecho.en, hecho.causa, idioma)]
    asked = _root(orden["creada_en"], orden["causa"], idioma)
    if hecho.causa.get("tipo") == "orden":  # the order came to nothing: it is as it was before it
        ended = _step("orden", hecho.en, razon_de(hecho.causa, idioma), orden=orden["id"])
        return _since(hecho.en, hecho.causa, zona, idioma), [ended, asked]
    # The row may be the proof, after the device had said otherwise; it was as asked since it was asked.
    since = _since(orden["creada_en"], orden["causa"], zona, idioma)
    proof = _proof(orden, s.ultima)
    if proof is None:
        return since, [asked]
    proven = _PROVEN[idioma] + _later(orden["creada_en"], proof["cerrada_en"], idioma)
    return since + proven, [_step("orden", proof["cerrada_en"], proven[2:], orden=proof["id"]), asked]


def _proof(orden: Mapping[str, Any], ultima: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The order that the device proved: this one, or the last one, which asked the same again in its place."""
    if orden["estado"] == APLICADA:
        return orden
    if orden["estado"] != SUSTITUIDA or ultima is None or ultima["estado"] != APLICADA:
        return None
    return ultima if ultima["cambios"]["encendido"] is orden["cambios"]["encendido"] else None


def _since(en: str, causa: Mapping[str, Any], zona: tzinfo, idioma: str) -> str:
    return _SINCE[idioma].format(cuando=_when(en, zona, idioma), razon=razon_de(causa, idioma))


def _root(en: str, causa: Mapping[str, Any], idioma: str) -> dict[str, Any]:
    return {**_step(str(causa.get("tipo")), en, razon_de(causa, idioma)), "causa": dict(causa)}


def razon_de(causa: Mapping[str, Any], idioma: str) -> str:
    """A cause as half a sentence; one of a later version's kinds is named as it is."""
    field, trimmed = _TRIMMED.get(str(causa.get("tipo")), ("tipo", None))
    template = trimmed if field not in causa else REASONS.get(str(causa.get("tipo")))
    if template is None:
        return str(causa.get("tipo"))
    quien = causa.get("quien")
    named = {**dict.fromkeys(("desde", "nombre", "detalle"), "?"), **causa}
    named["quien"] = _TRUSTED[idioma] if quien == "red de confianza" else quien or _QUIEN[idioma]
    text = template[idioma]
    if causa.get("tipo") == "escena":
        text += next((applied[idioma] for field, applied in _APPLIED.items() if causa.get(field)), "")
    return text.format(**named)


def tardanza(segundos: float, idioma: str) -> str:
    """How long something took, as people say it: ``12 ms``, ``0,3 s``, ``4 min``, ``3 h``."""
    if segundos < 0.1:
        return f"{max(1, round(segundos * 1000))} ms"
    if segundos < 59.95:
        found = f"{segundos:.1f}".removesuffix(".0")
        return f"{found if idioma == 'en' else found.replace('.', ',')} s"
    minutes = round(segundos / 60)
    return f"{minutes} min" if minutes < 120 else f"{round(minutes / 60)} h"


def _later(asked: str, proven: str, idioma: str) -> str:
    """How long after it was asked it was proven; nothing when the clock was set back meanwhile."""
    took = datetime.fromisoformat(proven) - datetime.fromisoformat(asked)
    if took < timedelta(0):
        return ""
    return _LATER[idioma].format(tiempo=tardanza(took.total_seconds(), idioma))


def _aside(s: Situacion, zona: tzinfo, idioma: str) -> dict[str, Any] | None:
    if s.anulacion is None:
        return None
    hasta = s.anulacion["hasta"]
    fin = _UNTIL_CANCELLED[idioma] if hasta is None else _UNTIL[idioma].format(cuando=_when(hasta, zona, idioma))
    return _step("anulacion", s.anulacion["desde"], _ASIDE[idioma].format(fin=fin))


def _wish(s: Situacion, idioma: str) -> dict[str, Any] | None:
    drift = s.deriva.get("encendido")
    if drift is not None:
        estado, on, orden, cuando = drift["estado_orden"], drift["deseado"], drift["orden"], drift["desde"]
    elif s.ultima is not None and s.ultima["estado"] == EXPIRADA and (s.hecho is None or _newer(s.ultima, s.hecho)):
        estado, on, orden, cuando = EXPIRADA, s.ultima["cambios"]["encendido"], s.ultima["id"], s.ultima["creada_en"]
    else:
        return None
    motivo = s.ultima["motivo"] if s.ultima is not None and s.ultima["id"] == orden else ""
    motivo = _STILL[motivo][idioma] if motivo in _STILL else motivo
    template = _WISH.get(estado, _WISH["abierta"])[idioma]
    frase = template.format(verbo=_VERB[bool(on)][idioma], motivo=motivo).replace(" ()", "")
    return _step("orden", cuando, frase, orden=orden)


def _newer(order: Mapping[str, Any], hecho: Hecho) -> bool:
    return str(order["cerrada_en"]) >= hecho.en


def _silence(s: Situacion, zona: tzinfo, idioma: str) -> dict[str, Any] | None:
    heard = s.conectividad.get("ultima_senal")
    if s.conectividad.get("estado") != FUERA or heard is None:
        return None
    frase = _LOST[idioma].format(cuando=_when(heard, zona, idioma))
    return _step("conectividad", s.conectividad.get("desde"), frase)


def _step(tipo: str, cuando: str | None, frase: str, **more: Any) -> dict[str, Any]:
    return {"tipo": tipo, "cuando": cuando, "frase": frase, **more}


def _when(stamp: str, zona: tzinfo, idioma: str) -> str:
    local = datetime.fromisoformat(stamp).astimezone(zona)
    return f"{local:%d/%m/%Y a las %H:%M:%S}" if idioma == "es" else f"{local:%Y-%m-%d at %H:%M:%S}"
