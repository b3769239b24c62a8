"""`./iot doctor`: HTTPS, as the files and the clock say; nothing is made or renewed."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from app import certificados
from app.clock import Clock
from app.doctor_base import Hallazgo, aviso, bien, mal
from app.doctor_red import ask_health, try_to_listen
from app.https import hosts, wanted_on

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from app.certificados import Autoridad, Hoja
    from app.config_load import Settings

_SOON_DAYS = 90
_REPAIR = "./iot https"
_NEW = "./iot https --nueva (habrá que instalar la autoridad nueva en cada aparato)"


def check_https(settings: Settings, clock: Clock | None = None) -> Iterator[Hallazgo]:
    """Off, or the CA, the certificate and the port."""
    folder = certificados.folder_of(settings.instance_path)
    authority, hoja = certificados.read_authority(folder), certificados.read_sheet(folder)
    if not wanted_on(settings):
        yield bien(
            "HTTPS", "no está activado", "Lo que se habla con el programa va sin cifrar. Se activa con ./iot https"
        )
        return
    if authority is None and hoja is None and not folder.exists():
        yield bien("HTTPS", "la autoridad y el certificado se crean con el próximo arranque")
        return
    now = (clock or Clock()).now()
    yield _authority(folder, authority, now)
    if authority is not None:
        yield _certificate(settings, authority, hoja, now)
    yield _port(settings)


def _authority(folder: Path, ca: Autoridad | None, now: datetime) -> Hallazgo:
    key = folder / certificados.CA_KEY
    if ca is None:
        meaning = "El certificado no se puede renovar, ni un aparato nuevo fiarse de él."
        return mal(
            "Autoridad", f"falta {folder / certificados.CA_CERT}, o no se entiende", meaning, f"Recupérela, o {_NEW}"
        )
    if now < ca.desde:
        meaning = "El reloj de esta máquina va atrasado: los demás rechazarían lo que ahora se firmase."
        return mal("Autoridad", f"empieza el {ca.desde:%Y-%m-%d}, y aquí es antes", meaning, "Ponga el reloj en hora.")
    if not key.exists():
        return mal(
            "Autoridad", f"falta su clave, {key}", "El certificado no se puede renovar.", f"Recupérela, o {_NEW}"
        )
    if key.stat().st_mode & 0o077:
        meaning = "Quien la lea puede hacerse pasar por esta casa ante los aparatos que se fían de ella."
        return mal("Autoridad", f"{key} la pueden leer otros usuarios de esta máquina", meaning, f"chmod 600 {key}")
    left = (ca.hasta - now).days
    if left < _SOON_DAYS:
        meaning = "Después ningún aparato se fiará de esta casa."
        return aviso("Autoridad", f"caduca el {ca.hasta:%Y-%m-%d} (quedan {max(left, 0)} días)", meaning, _NEW)
    return bien("Autoridad", f"{ca.nombre}, hasta {ca.hasta:%Y-%m-%d}", f"Huella SHA-256: {ca.huella}")


def _certificate(settings: Settings, ca: Autoridad, hoja: Hoja | None, now: datetime) -> Hallazgo:
    if hoja is None:
        return mal("Certificado", "no está, o no se entiende", "HTTPS no puede funcionar con él.", _REPAIR)
    if now >= hoja.hasta:
        return mal("Certificado", f"caducó el {hoja.hasta:%Y-%m-%d}", "Los aparatos lo rechazan.", _REPAIR)
    if now < hoja.desde:
        meaning = "O el reloj de esta máquina va atrasado, o lo iba adelantado cuando se hizo."
        mend = f"Ponga el reloj en hora; si ya lo está, {_REPAIR} --nueva"
        return mal("Certificado", f"empieza el {hoja.desde:%Y-%m-%d}, y aquí es antes", meaning, mend)
    names = hosts(settings)
    if certificados.due(hoja, names, now, ca):
        new = [name for name in names if name not in hoja.pedidos]
        found = f"no vale para {', '.join(new)}" if new else f"caduca el {hoja.hasta:%Y-%m-%d}"
        return aviso("Certificado", found, "El programa lo renueva solo, en marcha o al arrancar.", _REPAIR)
    if hoja.fuera:
        meaning = "La autoridad no puede firmar eso: se hizo para otros nombres. Con esos nombres el navegador avisará."
        return aviso("Certificado", f"no vale para {', '.join(hoja.fuera)}", meaning, _NEW)
    return bien("Certificado", f"hasta {hoja.hasta:%Y-%m-%d}, para {', '.join(hoja.pedidos)}")


def _port(settings: Settings) -> Hallazgo:
    where = f"{settings.backend_host}:{settings.https_port}"
    fault = try_to_listen(settings.backend_host, settings.https_port)
    if fault is None:
        return bien("Puerto HTTPS", f"{where} está libre")
    if fault.errno == errno.EADDRINUSE and ask_health(settings) is not None:
        return bien("Puerto HTTPS", f"{where}: este programa ya está en marcha")
    mend = "Termine lo que lo ocupa, o ponga otro en HTTPS_PORT."
    return mal(
        "Puerto HTTPS", f"no se puede escuchar en {where}: {fault.strerror}", "El programa no arranca así.", mend
    )
