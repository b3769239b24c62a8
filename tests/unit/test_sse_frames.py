"""Golden bytes of the live stream's frames (WIRE §4)."""

from __future__ import annotations

import json

import pytest

from app.domain.events import DeviceUpdated
from app.domain.filtro import FiltroStream
from app.sse_frames import HELLO, PING, Entry
from tests.support.eventos import an_event


def test_the_named_frames():
    assert HELLO == b"event: hello\ndata: {}\n\n"
    assert PING == b"event: ping\ndata: {}\n\n"


def test_an_update_is_the_rest_object_with_its_event_last_of_the_old_fields():
    event = an_event(7, 1, serial="TMP0603IF1WD", nombre="Salón ñ", parametros_json='{"t":21.5}', visto_en="X")
    assert (
        Entry(event, "abc").frame()
        == (
            'id: abc-7\ndata: {"id":1,"serial_number":"TMP0603IF1WD","nombre":"Salón ñ","tipo":"generico",'
            '"modelo":"desconocido","descripcion":"","estado":"desconocido","parametros":{"t":21.5},"configuracion":{},'
            '"reclamado":false,"event":"device_update","version":1,"creado_en":"2026-11-23T14:00:00.000000Z",'
            '"actualizado_en":"2026-11-23T14:00:00.000000Z","visto_en":"X",'
            '"deriva":{},"tiempos":{"estado":null,"parametros":null,"configuracion":{}},"conectividad":{"estado":"desconocido",'
            '"ultima_senal":"X","esperado_cada_s":null,"motivo":"sin_noticias","desde":null},"habitacion_id":null}\n\n'
        ).encode()
    )


def test_leave_is_named_and_says_who():
    assert Entry(an_event(9, 4), "abc").leave() == (
        b'id: abc-9\nevent: leave\ndata: {"id":4,"serial_number":"SER00004"}\n\n'
    )
    assert Entry(an_event(9, 4), "abc").leave(placed=False).startswith(b"event: leave\ndata: ")


@pytest.mark.parametrize("text", ['a"b', "a\nb", "a\r\nevent: x", "\u2028", "\\", "\x00", "data: x\n\nid: 5", "ñ🏠"])
def test_no_text_breaks_out_of_its_frame(text):
    """Also of rows that the original program let in."""
    entry = Entry(an_event(1, 1, serial=text, nombre=text, descripcion=text), "e")
    for frame in (entry.frame(), entry.leave()):
        assert frame.endswith(b"\n\n")
        lines = frame[:-2].decode().split("\n")
        assert "\r" not in frame.decode()
        assert json.loads(lines[-1].removeprefix("data: "))["serial_number"] == text
        assert [line.partition(":")[0] for line in lines] in (["id", "data"], ["id", "event", "data"])


@pytest.mark.parametrize(
    ("filtro", "serial", "reclamado", "expected"),
    [
        ((None, None), "A", True, True),
        (("A", None), "A", False, True),
        (("A", None), "B", False, False),
        ((None, True), "A", True, True),
        ((None, False), "A", True, False),
        (("A", True), "A", False, False),
        (("", None), "A", False, False),
    ],
)
def test_filters(filtro, serial, reclamado, expected):
    assert FiltroStream(*filtro).matches(serial, reclamado) is expected


def test_an_event_is_serialised_once():
    entry = Entry(an_event(1, 1), "e")
    assert entry.frame() is entry.frame()
    assert isinstance(entry.event, DeviceUpdated)
