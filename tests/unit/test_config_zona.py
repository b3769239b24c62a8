"""The machine's own time zone, as the default of the house's."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.config_load import ConfigError, load_settings
from app.config_zona import machine_zone


def an_etc(folder: Path, target: str = "", written: str = "") -> Path:
    if target:
        (folder / "localtime").symlink_to(target)
    if written:
        (folder / "timezone").write_text(written)
    return folder


@pytest.mark.parametrize(
    ("target", "zone"),
    [
        ("/usr/share/zoneinfo/Europe/Madrid", "Europe/Madrid"),
        ("../usr/share/zoneinfo/posix/America/Santiago", "America/Santiago"),
        ("/usr/share/zoneinfo/Nowhere/Land", "UTC"),
        ("/somewhere/else", "UTC"),
    ],
)
def test_the_link_names_the_zone(tmp_path: Path, target: str, zone: str) -> None:
    """/etc/localtime is a link into the zone database; what is no zone of it counts for nothing."""
    assert machine_zone("", an_etc(tmp_path, target)) == zone


def test_tz_wins_where_it_names_a_zone(tmp_path: Path) -> None:
    """TZ=:Area/City wins; the POSIX form names no zone, so the link speaks."""
    etc = an_etc(tmp_path, "/usr/share/zoneinfo/Europe/Madrid")
    assert machine_zone(":Australia/Lord_Howe", etc) == "Australia/Lord_Howe"
    assert machine_zone("CET-1CEST,M3.5.0,M10.5.0/3", etc) == "Europe/Madrid"


def test_without_a_link_the_file_or_utc(tmp_path: Path) -> None:
    """Debian's /etc/timezone, and UTC where nothing says anything."""
    assert machine_zone("", an_etc(tmp_path, written="America/Caracas\n")) == "America/Caracas"
    assert machine_zone("", tmp_path / "none") == "UTC"


def test_an_unset_house_is_in_the_machines_zone(tmp_path: Path) -> None:
    """An empty HOUSE_TIMEZONE is worked out; coordinates stay unknown."""
    settings = load_settings({"TZ": "America/Santiago"}, tmp_path)
    assert settings.house_timezone == "America/Santiago"
    assert settings.origenes["HOUSE_TIMEZONE"] == "averiguado"
    assert settings.house_latitude is None


def test_half_a_place_is_none(tmp_path: Path) -> None:
    """A latitude without its longitude is refused at the start."""
    with pytest.raises(ConfigError, match="van juntas"):
        load_settings({"IOT_HOUSE_LATITUDE": "40.4"}, tmp_path)
