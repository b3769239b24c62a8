"""Every error that a use-case raises, with a stable code and the Spanish sentence that clients read.

The HTTP edge maps each class to a status in one table; nothing here knows about HTTP.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ErrorCampo:
    """One fault of one field: ``campo`` is its path in the body (``configuracion.horarios[0].inicio``)."""

    campo: str
    mensaje: str


class DomainError(Exception):
    """Base of everything a use-case refuses. ``codigo`` is stable, ``mensaje`` is for people."""

    codigo = "error"
    mensaje = "No se pudo completar la operación"

    def __init__(self, mensaje: str | None = None) -> None:
        if mensaje is not None:
            self.mensaje = mensaje
        super().__init__(self.mensaje)


class RecursoNotFound(DomainError):
    """Nothing has that id."""

    codigo = "recurso_no_encontrado"
    mensaje = "Recurso no encontrado"


class DispositivoNotFound(RecursoNotFound):
    """No device has that id."""


class NombreRepetido(DomainError):
    """Another one has that name, in upper or lower case."""

    codigo = "nombre_repetido"
    mensaje = "Ese nombre ya está en uso"


class DemasiadosNombrados(DomainError):
    """The bound on rooms, groups, scenes or rules is reached."""

    codigo = "demasiados"
    mensaje = "Ya hay demasiados; borre alguno"


class EscenaEnUso(DomainError):
    """A rule applies that scene."""

    codigo = "en_uso"
    mensaje = "Una regla usa esa escena"


class DispositivoNotDetected(DomainError):
    """A claim names a serial that was never heard over MQTT."""

    codigo = "dispositivo_no_detectado"
    mensaje = "Dispositivo no encontrado. Asegúrese de que haya sido detectado por MQTT"


class DispositivoYaReclamado(DomainError):
    """A claim came second."""

    codigo = "dispositivo_ya_reclamado"
    mensaje = "El dispositivo ya fue reclamado previamente"


class SerialIgnorado(DomainError):
    """Somebody said that it is not to appear."""

    codigo = "serial_ignorado"
    mensaje = "Ese serial_number se está ignorando; quítelo antes de /ignorados"


class DispositivoNoReclamado(DomainError):
    """Nobody has it, so nobody can let it go or hand it on."""

    codigo = "dispositivo_sin_reclamar"
    mensaje = "El dispositivo no está reclamado"


class CodigoIncorrecto(DomainError):
    """The device can be claimed only with its code, and that was not it; missing and wrong are told alike."""

    codigo = "codigo_incorrecto"
    mensaje = "Este dispositivo solo se puede reclamar con el código de su etiqueta, y ese no es"


class SerialDuplicado(DomainError):
    """A device with that serial exists already."""

    codigo = "serial_duplicado"
    mensaje = "Ya existe un dispositivo con ese serial_number"


class SerialRequerido(DomainError):
    """The body names no serial."""

    codigo = "serial_requerido"
    mensaje = "Debe proporcionar serial_number"


class DatosInvalidos(DomainError):
    """The body is JSON but breaks the contract; ``errores`` names every faulty field."""

    codigo = "datos_invalidos"
    mensaje = "Hay datos no válidos"

    def __init__(self, errores: Sequence[ErrorCampo], mensaje: str | None = None) -> None:
        self.errores = tuple(errores)
        if mensaje is None and self.errores:
            mensaje = "; ".join(f"{e.campo}: {e.mensaje}" if e.campo else e.mensaje for e in self.errores[:5])
        super().__init__(mensaje)


class FormatoNoDisponible(DomainError):
    """Parquet, where nothing that writes it is installed."""

    codigo = "formato_no_disponible"
    mensaje = "Para Parquet falta pyarrow en la máquina de la casa (.venv/bin/pip install pyarrow); hay csv y ndjson"


class VersionConflict(DomainError):
    """``If-Match`` named a version that is not the device's any more; ``actual`` is the current one."""

    codigo = "version_obsoleta"
    mensaje = "El dispositivo cambió desde que lo leyó; vuelva a leerlo y repita el cambio"

    def __init__(self, actual: int) -> None:
        self.actual = actual
        super().__init__()


class HorarioNoAplicable(DomainError):
    """The backend does not drive this device's schedule, or there is nothing in it to act on."""

    codigo = "horario_no_aplicable"
    mensaje = "El horario de este dispositivo no lo lleva este programa"


class StorageBusy(DomainError):
    """The database is locked by somebody else; try again."""

    codigo = "almacen_ocupado"
    mensaje = "La base de datos está ocupada; inténtelo de nuevo en unos segundos"


class StorageFull(DomainError):
    """The disk is full or fails; reading goes on."""

    codigo = "almacen_lleno"
    mensaje = "No queda espacio en el disco o el disco falla; no se guardó el cambio"


class StorageDamaged(DomainError):
    """SQLite finds the file damaged; nothing is written to it, and what devices say stays at the broker."""

    codigo = "almacen_danado"
    mensaje = "La base de datos está dañada; no se ha tocado. Vea ./iot doctor y las copias de instance/respaldos"


class TooManyStreams(DomainError):
    """The bound on open streams (in all or of one address) is reached."""

    codigo = "demasiados_streams"
    mensaje = "Hay demasiadas conexiones en vivo abiertas; inténtelo más tarde"


class UltimoAdministrador(DomainError):
    """Without that account nobody could administer the house any more."""

    codigo = "ultimo_administrador"
    mensaje = "Es el único administrador activo; nombre antes a otro"


class SinPermiso(DomainError):
    """Who asks may not do that."""

    codigo = "sin_permiso"
    mensaje = "No tiene permiso para eso"


class SinCuenta(DomainError):
    """It is about the own account, and who asks has none."""

    codigo = "sin_cuenta"
    mensaje = "Quien lo pide no tiene cuenta; diga de qué usuario"


class YaHayCuentas(DomainError):
    """The first account was made already."""

    codigo = "ya_hay_cuentas"
    mensaje = "La casa ya tiene cuentas; entre con una de ellas"


class EntradaRechazada(DomainError):
    """The name, the password or the account's being active: which one is not told."""

    codigo = "entrada_rechazada"
    mensaje = "El usuario o la contraseña no son correctos"


class CredencialInvalida(DomainError):
    """A cookie or token that nobody gave out, or that ended."""

    codigo = "credencial_invalida"
    mensaje = "La credencial no es válida, ha caducado o se ha revocado"


class Espere(DomainError):
    """Not now; ``segundos`` is when to come back."""

    codigo = "espere"

    def __init__(self, segundos: float, mensaje: str | None = None) -> None:
        self.segundos = max(1, -int(-segundos // 1))
        super().__init__(mensaje)


class DemasiadasPeticiones(Espere):
    """A caller asked too often."""

    codigo = "demasiadas_peticiones"
    mensaje = "Demasiadas peticiones seguidas; espere un poco"


class DemasiadosIntentos(Espere):
    """Too many wrong passwords or codes from one address."""

    codigo = "demasiados_intentos"
    mensaje = "Demasiados intentos fallidos"

    def __init__(self, segundos: float) -> None:
        super().__init__(segundos)
        self.mensaje = f"{self.mensaje}; espere {self.segundos} s antes del siguiente"


class ContrasenasOcupadas(Espere):
    """As many passwords as may be are being checked."""

    codigo = "contrasenas_ocupadas"
    mensaje = "Se están comprobando muchas contraseñas a la vez; inténtelo de nuevo en unos segundos"
