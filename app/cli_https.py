"""`./iot https`: gives the house its own CA and certificate, says how to trust it, and takes it away again."""

from __future__ import annotations

import os
import sys
import textwrap
from typing import TYPE_CHECKING

from app import certificados
from app.autoridad import AutoridadError, make, make_authority, remove_server
from app.clock import Clock
from app.guia_autoridad import CA_PATH, PROFILE_PATH, SISTEMAS
from app.https import hosts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from app.config_load import Settings

_WIDTH = 96


def switch_on(settings: Settings, *, new_authority: bool, clock: Clock | None = None) -> int:
    """Make or renew what is missing or due, and say what to do with it; the exit code."""
    os.umask(0o077)
    folder, names, now = certificados.folder_of(settings.instance_path), hosts(settings), (clock or Clock()).now()
    try:
        if new_authority:
            make_authority(folder, names, now)
        authority, hoja = certificados.read_authority(folder), certificados.read_sheet(folder)
        if authority is None or certificados.due(hoja, names, now, authority):
            hoja = make(folder, names, now)
    except (AutoridadError, OSError) as error:
        print(f"No se pudo hacer el certificado: {error}", file=sys.stderr)
        return 1
    authority = certificados.read_authority(folder)
    if authority is None or hoja is None:
        print(f"Lo que hay en {folder} no se puede usar; haga otra autoridad: ./iot https --nueva", file=sys.stderr)
        return 1
    print("\n".join([*_found(settings, authority, hoja, folder), *_how_to(settings.public_backend_url)]))
    _show_qr(f"{settings.public_backend_url.rstrip('/')}/autoridad")
    return 0


def switch_off(settings: Settings) -> int:
    """Take the server's certificate away; the exit code."""
    folder = certificados.folder_of(settings.instance_path)
    if not remove_server(folder):
        print("HTTPS no estaba activado.")
        return 0
    print("HTTPS queda quitado; si el programa está en marcha, reinícielo.")
    print(f"La autoridad se conserva en {folder}: si vuelve a activarlo, los aparatos ya la tienen. Bórrela si no.")
    if settings.https_redirect:
        print("HTTPS_REDIRECT estaba activo: un navegador que ya entró por HTTPS insistirá en él hasta 30 días.")
    return 0


def _found(
    settings: Settings, authority: certificados.Autoridad, hoja: certificados.Hoja, folder: Path
) -> Iterator[str]:
    signed = [name for name in hoja.pedidos if name not in hoja.fuera]
    yield f"HTTPS está activado en el puerto {settings.https_port}. Si el programa está en marcha, reinícielo."
    if settings.https_enabled == "nunca":
        yield "Pero HTTPS_ENABLED = nunca, y mientras siga así no se usa."
    yield ""
    yield f"  Autoridad     {authority.nombre}, hasta {authority.hasta:%Y-%m-%d}, en {folder}"
    yield f"  Huella        {authority.huella[:47]}"
    yield f"    SHA-256     {authority.huella[48:]}"
    yield f"  Certificado   hasta {hoja.hasta:%Y-%m-%d}; se renueva solo. Vale para:"
    yield from _wrapped(", ".join(signed))
    if hoja.fuera:
        yield from _wrapped(
            f"No caben en esta autoridad: {', '.join(hoja.fuera)}. Para que quepan haga otra (habrá que instalarla de "
            "nuevo en cada aparato): ./iot https --nueva"
        )


def _how_to(base: str) -> Iterator[str]:
    yield ""
    yield "Cada aparato ha de instalar la autoridad una vez, y antes comprobar que la huella es esta. Está en:"
    yield f"    {base.rstrip('/')}/autoridad"
    yield f"    ({CA_PATH}; para iPhone, {PROFILE_PATH})"
    for sistema in SISTEMAS:
        yield ""
        yield f"  {sistema.nombre}"
        for paso in sistema.pasos:
            if paso.startswith("$ "):
                yield f"        {paso[2:]}"
            else:
                yield textwrap.fill(paso, _WIDTH, initial_indent="    - ", subsequent_indent=" " * 6)
    yield ""


def _show_qr(url: str) -> None:
    """For phones, where the output can show it."""
    import segno

    if (sys.stdout.encoding or "").lower().startswith("utf"):
        segno.make(url, micro=False, error="m").terminal(sys.stdout, compact=True)
    print(f"QR: {url}")


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=" " * 16, subsequent_indent=" " * 16, break_on_hyphens=False)
