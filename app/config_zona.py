"""The machine's own time zone, by name: what ``/etc/localtime`` is a link to, unless ``TZ`` says otherwise."""

from __future__ import annotations

from pathlib import Path

from app.domain.horario_zona import find_zona

ETC = Path("/etc")
FALLBACK = "UTC"
_VARIANTS = ("posix/", "right/")


def machine_zone(tz: str, etc: Path = ETC) -> str:
    """The IANA name; UTC where none can be found (``TZ`` in the POSIX form names none, a copied file neither)."""
    candidates = (tz.removeprefix(":"), _linked(etc / "localtime"), _written(etc / "timezone"))
    return next((name for name in candidates if name and find_zona(name) is not None), FALLBACK)


def _linked(localtime: Path) -> str:
    """The end of the link's target: ``/usr/share/zoneinfo/Europe/Madrid``; the links of the database are not followed,
    so that the name stays the one that somebody chose."""
    try:
        target = str(localtime.readlink())
    except OSError:
        return ""
    name = target.rpartition("zoneinfo/")[2] if "zoneinfo/" in target else ""
    for variant in _VARIANTS:
        name = name.removeprefix(variant)
    return name


def _written(timezone: Path) -> str:
    """Debian keeps the name in a file too."""
    try:
        return timezone.read_text(encoding="utf-8").strip()[:80]
    except (OSError, UnicodeDecodeError):
        return ""
