"""The ballast: made where there is room, given up once, made again; another size is another file."""

from __future__ import annotations

from app.lastre import NOMBRE, ROOM, Lastre

SIZE = 1 << 20


def test_it_is_made_where_there_is_room_and_given_up_once(tmp_path):
    ballast = Lastre(tmp_path, SIZE)
    assert not ballast.poner(ROOM * SIZE - 1)
    assert ballast.poner(ROOM * SIZE)
    assert ballast.puesto
    assert not ballast.poner(ROOM * SIZE), "it is there"
    assert ballast.soltar()
    assert not ballast.soltar()
    assert list(tmp_path.iterdir()) == []
    assert ballast.poner(ROOM * SIZE)


def test_another_size_is_made_anew_and_none_is_taken_away(tmp_path):
    assert Lastre(tmp_path, SIZE).poner(1 << 40)
    assert Lastre(tmp_path, 2 * SIZE).poner(1 << 40)
    assert (tmp_path / NOMBRE).stat().st_size == 2 * SIZE
    assert not Lastre(tmp_path, 0).poner(1 << 40)
    assert not (tmp_path / NOMBRE).exists()


def test_a_folder_that_takes_nothing_is_survived(tmp_path):
    ballast = Lastre(tmp_path / "no existe", SIZE)
    assert not ballast.poner(1 << 40)
    assert not ballast.soltar()
