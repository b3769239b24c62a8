"""`./iot usuario` and `./iot token`. A password is asked for without echo, or read from stdin; never an argument."""

from __future__ import annotations

import getpass
import json
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from app.cli_casa import OrderFailed, Puerta, house
from app.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.config_load import Settings


def run(settings: Settings, action: Callable[[Puerta], None]) -> int:
    """Do one thing through the door that is there; the exit code."""
    try:
        with house(settings) as door:
            action(door)
    except OrderFailed as error:
        print(f"No se pudo: {error}", file=sys.stderr)
        return 1
    return 0


# --- accounts ---------------------------------------------------------------------------------------------------------
def create_user(nombre: str, rol: str | None) -> Callable[[Puerta], None]:
    """The first account of a house is an administrator; later ones are members unless said otherwise."""

    def act(door: Puerta) -> None:
        chosen = rol or ("miembro" if door.usuarios() else "administrador")
        made = door.crear_usuario(nombre, ask_password(), chosen)
        print(f"Usuario {made['nombre']} creado: {made['rol']}.")

    return act


def list_users(as_json: bool) -> Callable[[Puerta], None]:
    """Every account, one a line."""

    def act(door: Puerta) -> None:
        found = door.usuarios()
        if as_json:
            print(json.dumps(found, ensure_ascii=False, indent=2))
            return
        if not found:
            print("No hay usuarios. Cree el primero:  ./iot usuario crear NOMBRE")
        for one in found:
            part = "" if one["alcance"] is None else "  solo una parte de la casa"
            print(f"{one['nombre']:20} {one['rol']:14} {'' if one['activo'] else 'desactivado'}{part}".rstrip())

    return act


def change_user(nombre: str, cambio: dict[str, Any], hecho: str) -> Callable[[Puerta], None]:
    """Change its role or whether it may enter."""

    def act(door: Puerta) -> None:
        door.cambiar_usuario(_id_of(door, nombre), cambio)
        print(hecho)

    return act


def set_password(nombre: str) -> Callable[[Puerta], None]:
    """Give it another password; its sessions end."""

    def act(door: Puerta) -> None:
        found = _id_of(door, nombre)
        door.poner_clave(found, ask_password())
        print("Contraseña cambiada. Sus sesiones se han cerrado; sus tokens siguen valiendo.")

    return act


def delete_user(nombre: str) -> Callable[[Puerta], None]:
    """Delete it with its sessions and tokens."""

    def act(door: Puerta) -> None:
        door.borrar_usuario(_id_of(door, nombre))
        print(f"Usuario {nombre} borrado, con sus sesiones y tokens.")

    return act


# --- tokens -----------------------------------------------------------------------------------------------------------
def create_token(usuario: str, nombre: str, ambito: str, dias: int | None) -> Callable[[Puerta], None]:
    """The token alone goes to stdout, so that a script can take it; the rest to stderr."""

    def act(door: Puerta) -> None:
        end = None if dias is None else Clock().now() + timedelta(days=dias)
        made = door.crear_token(usuario, nombre, ambito, end)
        until = "no caduca" if made["expira_en"] is None else f"vale hasta {made['expira_en']}"
        print(f"Token {made['id']} de {made['usuario']}: {ambito}, {until}. No se vuelve a enseñar:", file=sys.stderr)
        print(made["token"])

    return act


def list_tokens(usuario: str | None, as_json: bool) -> Callable[[Puerta], None]:
    """Every token, one a line; the secrets are nowhere."""

    def act(door: Puerta) -> None:
        found = door.tokens(usuario)
        if as_json:
            print(json.dumps(found, ensure_ascii=False, indent=2))
            return
        for one in found:
            used = f"usado {one['usado_en'][:16]}" if one["usado_en"] else "sin usar"
            end = f"hasta {one['expira_en'][:10]}" if one["expira_en"] else "sin fin"
            print(f"{one['id']:>5}  {one['usuario']:16} {one['ambito']:10} {one['inicio']}…  {end:16} {used:22} "
                  f"{one['nombre']}")  # fmt: skip

    return act


def revoke_token(token_id: int) -> Callable[[Puerta], None]:
    """It counts no more, from this moment."""

    def act(door: Puerta) -> None:
        door.revocar_token(token_id)
        print(f"Token {token_id} revocado.")

    return act


def ask_password() -> str:
    """Twice without echo, or the first line of stdin when that is no terminal."""
    if not sys.stdin.isatty():
        line = sys.stdin.readline()
        if not line:
            raise OrderFailed("falta la contraseña: escríbala en la entrada estándar")
        return line.rstrip("\n")
    clave = getpass.getpass("Contraseña (al menos 8 caracteres; tres palabras sueltas sirven): ")
    if getpass.getpass("Otra vez: ") != clave:
        raise OrderFailed("no coinciden")
    return clave


def _id_of(door: Puerta, nombre: str) -> int:
    for one in door.usuarios():
        if one["nombre"] == nombre.strip().lower():
            return int(one["id"])
    raise OrderFailed(f"no hay ningún usuario {nombre!r}; los enseña  ./iot usuario listar")
