"""Signing in, changing one's password and the first account: what hashes a password around a unit of work."""

from __future__ import annotations

import hmac
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from app import sesiones, usuarios
from app.auditoria import FALLIDO, apuntar
from app.contrasenas import check_rules
from app.domain.errors import DatosInvalidos, EntradaRechazada, RecursoNotFound, SinCuenta, YaHayCuentas
from app.secretos import digest, new_code, new_cookie, plain_code

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from app.clock import Clock
    from app.contrasenas import Contrasenas
    from app.db import Database
    from app.domain.causa import Causa
    from app.domain.identidad import Alcance, Identidad, Rol
    from app.intentos import Intentos
    from app.usuarios import Usuario

SETUP_S = 900.0
_SETUP_ACCOUNT = "la instalación"
"""Under which wrong setup codes are counted; no account has a name with a space."""


@dataclass(frozen=True, slots=True)
class Abierta:
    """A session just begun; the cookie is shown this once."""

    usuario: Usuario
    sesion_id: int
    cookie: str


class Entrada:
    """Any native thread; the caller waits for the hash."""

    def __init__(self, db: Database, clock: Clock, contrasenas: Contrasenas, intentos: Intentos) -> None:
        self._db = db
        self._clock = clock
        self._contrasenas = contrasenas
        self._intentos = intentos
        self._setup_lock = threading.Lock()
        self._setup: tuple[str, float] | None = None

    # --- sessions -----------------------------------------------------------------------------------------------------

    def entrar(self, nombre: str, clave: str, causa: Causa, *, agente: str) -> Abierta:
        """Begin a session.

        Raises:
            EntradaRechazada: whatever is wrong, in the same words and time.
            DemasiadosIntentos, ContrasenasOcupadas: not now.
        """
        found = self._proved(_folded(nombre), clave, causa)
        cookie = new_cookie()
        with self._db.unit_of_work(causa_of(causa, found.nombre)) as uow:
            now = self._still(uow.conn, found)
            sesion_id = sesiones.abrir(uow, found.id, digest(cookie), agente=agente)
        return Abierta(now, sesion_id, cookie)

    def cambiar_clave(self, quien: Identidad, actual: str, nueva: str, causa: Causa) -> None:
        """Change one's own password, proving the old one; the session that does it is the only one that goes on.

        Raises:
            SinCuenta: who asks has no account.
            EntradaRechazada: the old one is wrong.
            DatosInvalidos: the new one breaks the rules.
            DemasiadosIntentos, ContrasenasOcupadas: not now.
        """
        if quien.usuario_id is None:
            raise SinCuenta
        with self._db.reader() as conn:
            nombre = usuarios.obtener(conn, quien.usuario_id).nombre
        check_rules(nueva, nombre, "nueva")
        found = self._proved(nombre, actual, causa)
        hashed = self._contrasenas.hash(nueva)
        with self._db.unit_of_work(causa) as uow:
            usuarios.poner_clave(uow, found.id, hashed, salvo=quien.credencial)

    @staticmethod
    def _still(conn: Connection, found: Usuario) -> Usuario:
        """The account as it is now, if it was not taken away while its password was checked."""
        try:
            now = usuarios.obtener(conn, found.id)
        except RecursoNotFound:
            raise EntradaRechazada from None
        if not now.activo or now.clave_en != found.clave_en:
            raise EntradaRechazada
        return now

    def _proved(self, nombre: str, clave: str, causa: Causa) -> Usuario:
        """The active account of that name and password."""
        desde = causa.desde or ""
        self._intentos.begin(nombre, desde, self._clock.monotonic())
        with self._db.reader() as conn:
            found = usuarios.clave_de(conn, nombre)
        right, newer = self._contrasenas.check(found[1] if found else None, clave)
        if found is None or not right or not found[0].activo:
            with self._db.unit_of_work(causa) as uow:
                apuntar(uow, "entrada", nombre, resultado=FALLIDO)
            raise EntradaRechazada
        self._intentos.succeeded(nombre, desde, self._clock.monotonic())
        if newer is not None:
            with self._db.unit_of_work(causa) as uow:
                usuarios.recordar_clave(uow, found[0].id, found[1], newer)
        return found[0]

    # --- accounts -----------------------------------------------------------------------------------------------------

    def crear(self, nombre: str, clave: str, causa: Causa, *, rol: Rol, alcance: Alcance | None = None) -> Usuario:
        """Add an account.

        Raises:
            DatosInvalidos, NombreRepetido, DemasiadosNombrados: see :func:`app.usuarios.crear`.
            ContrasenasOcupadas: not now.
        """
        nombre = usuarios.parse_nombre(nombre)
        check_rules(clave, nombre)
        hashed = self._contrasenas.hash(clave)
        with self._db.unit_of_work(causa) as uow:
            return usuarios.crear(uow, nombre, hashed, rol=rol, alcance=alcance)

    def poner_clave(self, usuario_id: int, nueva: str, causa: Causa) -> None:
        """Give somebody another password, as an administrator.

        Raises:
            RecursoNotFound: there is no such account.
            DatosInvalidos: it breaks the rules.
            ContrasenasOcupadas: not now.
        """
        with self._db.reader() as conn:
            nombre = usuarios.obtener(conn, usuario_id).nombre
        check_rules(nueva, nombre, "nueva")
        hashed = self._contrasenas.hash(nueva)
        with self._db.unit_of_work(causa) as uow:
            usuarios.poner_clave(uow, usuario_id, hashed)

    # --- the first account --------------------------------------------------------------------------------------------

    def new_setup_code(self) -> str | None:
        """A code, good once and for a quarter of an hour, to make the first account with; None when there are
        accounts. The one before it is good no more."""
        with self._db.reader() as conn:
            if usuarios.hay_alguno(conn):
                return None
        code = new_code()
        with self._setup_lock:
            self._setup = (digest(plain_code(code)), self._clock.monotonic() + SETUP_S)
        return code

    def setup_open(self) -> bool:
        """Whether the first account is still to be made, and a code for it is good."""
        with self._setup_lock:
            good = self._setup is not None and self._clock.monotonic() < self._setup[1]
        if not good:
            return False
        with self._db.reader() as conn:
            return not usuarios.hay_alguno(conn)

    def instalar(self, codigo: str, nombre: str, clave: str, causa: Causa, *, agente: str) -> Abierta:
        """Make the first account, an administrator, and begin its session.

        Raises:
            YaHayCuentas: there are accounts.
            EntradaRechazada: the code is wrong, used or too old.
            DatosInvalidos: the name or password breaks the rules.
            DemasiadosIntentos, ContrasenasOcupadas: not now.
        """
        with self._db.reader() as conn:
            if usuarios.hay_alguno(conn):
                raise YaHayCuentas
        desde = causa.desde or ""
        self._intentos.begin(_SETUP_ACCOUNT, desde, self._clock.monotonic())
        if not self._is_setup_code(codigo):
            raise EntradaRechazada(
                "El código no es correcto o ya no vale: dura 15 minutos y sirve una vez. "
                "Para tener otro, reinicie el programa, o cree la cuenta con  ./iot usuario crear"
            )
        self._intentos.succeeded(_SETUP_ACCOUNT, desde, self._clock.monotonic())
        nombre = usuarios.parse_nombre(nombre)
        check_rules(clave, nombre)
        hashed, cookie = self._contrasenas.hash(clave), new_cookie()
        with self._db.unit_of_work(causa_of(causa, nombre)) as uow:
            made = usuarios.crear_primero(uow, nombre, hashed)
            sesion_id = sesiones.abrir(uow, made.id, digest(cookie), agente=agente)
        with self._setup_lock:
            self._setup = None
        return Abierta(made, sesion_id, cookie)

    def _is_setup_code(self, codigo: str) -> bool:
        with self._setup_lock:
            good, until = self._setup or ("", 0.0)
        return self._clock.monotonic() < until and hmac.compare_digest(good, digest(plain_code(codigo)))


def causa_of(causa: Causa, nombre: str) -> Causa:
    """The cause of what somebody does who has just proved to be that account."""
    return replace(causa, quien=nombre)


def _folded(nombre: str) -> str:
    """The name as accounts are kept; one that can be nobody's is tried, counted and refused like any other."""
    try:
        return usuarios.parse_nombre(nombre)
    except DatosInvalidos:
        return nombre.strip().lower()[: usuarios.MAX_NOMBRE]
