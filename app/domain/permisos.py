"""What each operation asks of who calls it: the one table, that the guard, the document and the tests read.

A route without a row is refused (and a test fails). Paths are as the OpenAPI document writes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.domain.identidad import Identidad, Permiso


@dataclass(frozen=True, slots=True)
class Acceso:
    """What an operation asks for.

    ``dispositivo``: the ``{id}`` of its path is a device, which is as good as none for whom it is out of scope.
    ``casa``: it shows or arranges the whole house, so it is not for an account that is limited to a part of it; any
    other operation shows such an account its part only.
    """

    permiso: Permiso
    dispositivo: bool = False
    casa: bool = False

    def allows(self, quien: Identidad) -> bool:
        """Whether the caller may, the device aside."""
        return quien.can(self.permiso) and not (self.casa and quien.alcance is not None)


LIBRE = Acceso(Permiso.NADIE)
VER = Acceso(Permiso.VER)
VER_TODO = Acceso(Permiso.VER, casa=True)
VER_UNO = Acceso(Permiso.VER, dispositivo=True)
CONTROLAR = Acceso(Permiso.CONTROLAR)
CONTROLAR_UNO = Acceso(Permiso.CONTROLAR, dispositivo=True)
ARREGLAR = Acceso(Permiso.GESTIONAR, casa=True)
GESTIONAR_UNO = Acceso(Permiso.GESTIONAR, dispositivo=True)
ARREGLAR_UNO = Acceso(Permiso.GESTIONAR, dispositivo=True, casa=True)
ADMINISTRAR = Acceso(Permiso.ADMINISTRAR, casa=True)

NOMBRES = {
    Permiso.NADIE: "nadie",
    Permiso.VER: "ver",
    Permiso.CONTROLAR: "controlar",
    Permiso.GESTIONAR: "gestionar",
    Permiso.ADMINISTRAR: "administrar",
}
"""What people call them."""


def _coleccion(ruta: str) -> dict[tuple[str, str], Acceso]:
    return {
        ("GET", ruta): VER,
        ("POST", ruta): ARREGLAR,
        ("GET", f"{ruta}/{{id}}"): VER,
        ("PUT", f"{ruta}/{{id}}"): ARREGLAR,
        ("DELETE", f"{ruta}/{{id}}"): ARREGLAR,
    }


PERMISOS: Mapping[tuple[str, str], Acceso] = {
    # Devices. A change of room is arranging the house, and is checked where it is made.
    ("GET", "/dispositivos"): VER,
    ("POST", "/dispositivos"): ARREGLAR,
    ("GET", "/dispositivos/no-reclamados"): VER,
    ("POST", "/dispositivos/reclamar"): ARREGLAR,
    ("GET", "/dispositivos/{id}"): VER_UNO,
    ("PUT", "/dispositivos/{id}"): CONTROLAR_UNO,
    ("DELETE", "/dispositivos/{id}"): ADMINISTRAR,
    ("GET", "/dispositivos/{id}/reclamacion"): VER_UNO,
    ("POST", "/dispositivos/{id}/liberar"): ARREGLAR_UNO,
    ("POST", "/dispositivos/{id}/transferir"): ARREGLAR_UNO,
    ("GET", "/dispositivos/{id}/logs"): VER_UNO,
    ("GET", "/dispositivos/{id}/historial"): VER_UNO,
    ("GET", "/historial"): VER,
    ("GET", "/dispositivos/{id}/exportar"): VER_UNO,
    ("GET", "/exportar"): VER,
    ("GET", "/dispositivos/{id}/ordenes"): VER_UNO,
    ("GET", "/dispositivos/{id}/porque"): VER_UNO,
    ("GET", "/dispositivos/{id}/horario/previa"): VER_UNO,
    ("POST", "/dispositivos/{id}/horario/saltar"): CONTROLAR_UNO,
    ("DELETE", "/dispositivos/{id}/horario/saltar"): CONTROLAR_UNO,
    ("POST", "/dispositivos/{id}/horario/anular"): CONTROLAR_UNO,
    ("DELETE", "/dispositivos/{id}/horario/anular"): CONTROLAR_UNO,
    # A broker user for a device: for who claimed it, which is checked where it is made, and for administrators.
    ("POST", "/dispositivos/{id}/credencial"): GESTIONAR_UNO,
    ("DELETE", "/dispositivos/{id}/credencial"): GESTIONAR_UNO,
    ("GET", "/credenciales"): ADMINISTRAR,
    ("GET", "/ignorados"): ARREGLAR,
    ("POST", "/ignorados"): ADMINISTRAR,
    ("DELETE", "/ignorados/{id}"): ADMINISTRAR,
    # Live.
    ("GET", "/stream/dispositivos"): VER,
    ("POST", "/entradas"): VER,
    # Who may claim may read a sticker.
    ("POST", "/qr/leer"): ARREGLAR,
    ("GET", "/qr.svg"): VER,
    ("GET", "/direcciones"): VER,
    # The house.
    ("GET", "/casa"): VER,
    ("PUT", "/casa"): ADMINISTRAR,
    **_coleccion("/habitaciones"),
    **_coleccion("/grupos"),
    **_coleccion("/escenas"),
    ("POST", "/escenas/{id}/aplicar"): CONTROLAR,
    ("POST", "/ordenes"): CONTROLAR,
    **_coleccion("/reglas"),
    ("GET", "/avisos"): VER,
    ("POST", "/avisos/vistos"): CONTROLAR,
    ("GET", "/avisos/{id}"): VER,
    ("POST", "/avisos/{id}/visto"): CONTROLAR,
    ("POST", "/avisos/{id}/resuelto"): CONTROLAR,
    # The program. Rejected messages hold what any device, also of nobody, said.
    ("GET", "/mensajes/rechazados"): ARREGLAR,
    ("GET", "/auditoria"): ADMINISTRAR,
    ("GET", "/respaldos"): ADMINISTRAR,
    ("POST", "/respaldos"): ADMINISTRAR,
    ("GET", "/respaldos/{id}"): ADMINISTRAR,
    ("POST", "/respaldos/{id}/restaurar"): ADMINISTRAR,
    ("GET", "/salud"): VER_TODO,
    ("GET", "/salud/viva"): LIBRE,
    ("GET", "/salud/lista"): LIBRE,
    ("GET", "/metrics"): VER_TODO,
    # Who asks: signing in is anybody's, the own account its own, the others' an administrator's.
    ("GET", "/sesion"): LIBRE,
    ("POST", "/sesion"): LIBRE,
    ("DELETE", "/sesion"): LIBRE,
    ("POST", "/instalacion"): LIBRE,
    ("GET", "/cuenta"): VER,
    ("PUT", "/cuenta/clave"): VER,
    ("GET", "/sesiones"): VER,
    ("DELETE", "/sesiones/{id}"): VER,
    ("GET", "/tokens"): VER,
    ("POST", "/tokens"): VER,
    ("DELETE", "/tokens/{id}"): VER,
    ("GET", "/usuarios"): ADMINISTRAR,
    ("POST", "/usuarios"): ADMINISTRAR,
    ("GET", "/usuarios/{id}"): ADMINISTRAR,
    ("PUT", "/usuarios/{id}"): ADMINISTRAR,
    ("DELETE", "/usuarios/{id}"): ADMINISTRAR,
    ("PUT", "/usuarios/{id}/clave"): ADMINISTRAR,
    # Whoever is to trust the house's authority does not trust it yet.
    ("GET", "/autoridad"): LIBRE,
    ("GET", "/autoridad/ca.crt"): LIBRE,
    ("GET", "/autoridad/ca.mobileconfig"): LIBRE,
    # Nothing of the house is in these: how to speak to the program is no secret, and says how to sign in.
    ("GET", "/openapi.json"): LIBRE,
    ("GET", "/docs"): LIBRE,
    ("GET", "/"): LIBRE,
    ("GET", "/static/{id}"): LIBRE,
}
