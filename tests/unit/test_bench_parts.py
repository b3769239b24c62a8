"""The measuring instruments themselves: packets, percentiles, the audit of what was stored."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from bench import ordenes, pagina, stats, wire
from bench.__main__ import CASES, make_options, parse
from bench.report import Report, Row, number, table
from bench.runs import Context, Options
from bench.store import audit


@pytest.mark.parametrize(
    ("length", "coded"),
    [
        (0, b"\x00"),
        (127, b"\x7f"),
        (128, b"\x80\x01"),
        (16_383, b"\xff\x7f"),
        (16_384, b"\x80\x80\x01"),
        (268_435_455, b"\xff\xff\xff\x7f"),
    ],
)
def test_remaining_length_is_coded_as_mqtt_says(length: int, coded: bytes) -> None:
    """MQTT 3.1.1, table 2.4."""
    assert wire.varint(length) == coded


@pytest.mark.parametrize("shared", [True, False])
def test_a_publish_is_well_formed_and_never_changes_length(shared: bool) -> None:
    """Header length, topic, packet id and JSON body all agree, for the first and the last sequence number."""
    device = wire.device("BNCH00000001", boot=7, shared=shared)
    for seq in (0, 8_999_999):
        packet = device.publish(513, seq, wire.stamp())
        assert packet[0] == 0x32
        length, start = packet[1] - 128 + packet[2] * 128, 3
        assert len(packet) == start + length
        size = int.from_bytes(packet[start : start + 2], "big")
        topic = packet[start + 2 : start + 2 + size].decode()
        assert topic == ("dispositivos/estado" if shared else "dispositivos/BNCH00000001/estado")
        assert packet[start + 2 + size : start + 4 + size] == b"\x02\x01"
        values = json.loads(packet[start + 4 + size :])["parametros"]
        assert (values["boot"], values["seq"]) == (7, wire.SEQ_BASE + seq)
        assert wire.STAMP.findall(packet) == [str(values["t"]).encode()]


def test_time_stamps_fit_what_the_backend_accepts() -> None:
    """Sixteen digits, and within 2**53 for every uptime below 250 years."""
    assert len(str(wire.stamp())) == 16
    assert wire.STAMP_BASE + 250 * 365 * 86_400 * 10**6 < 2**53 + wire.STAMP_BASE


@pytest.mark.parametrize(("topics", "shared"), [("own", 0), ("shared", 10), ("mixed", 5)])
def test_a_fleet_uses_the_topics_asked_for(topics: str, shared: int) -> None:
    """Counted over ten devices."""
    fleet = wire.fleet(10, boot=1, topics=topics)
    assert sum(b"dispositivos/estado" in device.head for device in fleet) == shared
    assert len({device.serial for device in fleet}) == 10


def test_percentiles_are_nearest_rank() -> None:
    """Against values worked out by hand."""
    values = list(range(1, 101))
    assert [stats.percentile(values, q) for q in (50, 99, 100)] == [50, 99, 100]
    assert stats.percentile([7], 99) == 7
    assert stats.summary([3, 1, 2], 0.5) == {"n": 3, "p50": 1.0, "p90": 1.5, "p99": 1.5, "max": 1.5}


def test_a_ratio_with_something_not_measured_is_none() -> None:
    """Zero, nothing and not-a-number are all "not measured"."""
    assert stats.ratio(10.0, 4.0) == 2.5
    assert [stats.ratio(*pair) for pair in ((None, 1.0), (1.0, None), (1.0, 0.0), (float("nan"), 1.0))] == [None] * 4


def make_history(path: Path, rows: list[tuple[str, int, int]]) -> None:
    conn = sqlite3.connect(path)
    conn.execute("CREATE TABLE dispositivo (id INTEGER PRIMARY KEY, serial_number TEXT)")
    conn.execute("CREATE TABLE estado_log (id INTEGER PRIMARY KEY, dispositivo_id INTEGER, parametros TEXT)")
    for serial, boot, seq in rows:
        known = conn.execute("SELECT id FROM dispositivo WHERE serial_number = ?", (serial,)).fetchone()
        key = known[0] if known else conn.execute("INSERT INTO dispositivo VALUES (NULL, ?)", (serial,)).lastrowid
        text = json.dumps({"boot": boot, "seq": wire.SEQ_BASE + seq})
        conn.execute("INSERT INTO estado_log VALUES (NULL, ?, ?)", (key, text))
    conn.commit()
    conn.close()


@pytest.mark.parametrize(
    ("rows", "wrong"),
    [
        ([("A", 1, 0), ("A", 1, 1), ("B", 1, 0)], {}),
        ([("A", 1, 0), ("A", 1, 1), ("A", 1, 2), ("B", 1, 0), ("A", 9, 0), ("PRBE", 1, 0)], {}),
        ([("A", 1, 0), ("B", 1, 0)], {"lost": 1}),
        ([("A", 1, 0), ("A", 1, 1), ("A", 1, 1), ("A", 1, 1), ("B", 1, 0)], {"doubled": 2}),
        ([("A", 1, 0), ("A", 1, 1), ("B", 1, 0), ("B", 1, 5)], {"unknown": 1}),
    ],
)
def test_the_audit_sees_losses_doubles_and_strangers(
    tmp_path: Path,
    rows: list[tuple[str, int, int]],
    wrong: dict[str, int],
) -> None:
    """Acked is a subset of stored, stored of sent, each once; other boots and other devices are not its business."""
    make_history(tmp_path / "x.db", rows)
    load: dict[str, Any] = {
        "boot": 1,
        "seq_base": wire.SEQ_BASE,
        "sent": 4,
        "acked": 3,
        "sent_by": {"A": 3, "B": 1},
        "acked_by": {"A": 2, "B": 1},
    }
    verdict = audit(tmp_path / "x.db", load)
    assert {"lost": verdict.lost, "doubled": verdict.doubled, "unknown": verdict.unknown} == {
        "lost": 0,
        "doubled": 0,
        "unknown": 0,
        **wrong,
    }
    assert verdict.ok is (not wrong)
    assert verdict.integrity == "ok"


def test_the_report_shows_ratios_and_is_json_too(tmp_path: Path) -> None:
    """The same row in the table and in the file."""
    lines: list[str] = []
    report = Report({"cores": 2}, echo=lines.append)
    report.add(Row("ingesta", "guardados", "msg/s", 12_500.0, 500.0, 50_000.0, goal_text=">= 25 x", reached=True))
    assert lines == [
        ("  guardados: 12 500 msg/s | app sencilla 500 (x 25,0) | suscriptor 50 000 (x 0,25) | meta: >= 25 x  sí")
    ]
    assert "| x 25,0 " in table(report.rows)
    report.save(tmp_path / "r.json")
    saved = json.loads((tmp_path / "r.json").read_text())
    assert (saved["rows"][0]["to_plain"], saved["rows"][0]["to_limit"]) == (25.0, 0.25)


def test_numbers_are_written_as_in_spanish() -> None:
    """Decimal comma, three figures, a dash for what was not measured."""
    assert [number(v) for v in (0.0, 0.123, 12.34, 123.4, 40_000, None)] == ["0", "0,12", "12,3", "123", "40 000", "-"]


def orden(number: int, estado: str) -> bytes:
    """A live event as the backend sends it."""
    told = {"id": number, "dispositivo_id": 1, "version": 9, "cambios": {"encendido": True}, "estado": estado}
    return b"id: 1-5\nevent: orden\ndata: " + json.dumps(told, separators=(",", ":")).encode() + b"\n\n"


def test_only_the_proof_of_an_order_ends_its_time() -> None:
    """Not that it was made or sent, nor a device's own event that happens to say the word."""
    update = b'id: 1-6\ndata: {"id":7,"nombre":"\\"estado\\":\\"aplicada\\"","estado":"activo"}\n\n'
    stream = orden(3, "pendiente") + orden(3, "enviada") + update + orden(3, "aplicada") + orden(4, "rechazada")
    assert ordenes.PROVEN.findall(stream) == [b"3"]


def test_a_request_that_carries_json_says_its_length() -> None:
    """In bytes, accents included."""
    assert (
        wire.http_send("PUT", "/dispositivos/1?esperar=5", "127.0.0.1:5000", '{"nombre":"Salón"}'.encode())
        == (
            "PUT /dispositivos/1?esperar=5 HTTP/1.1\r\nHost: 127.0.0.1:5000\r\nContent-Type: application/json\r\n"
            'Content-Length: 19\r\n\r\n{"nombre":"Salón"}'
        ).encode()
    )


@pytest.mark.parametrize(("slow_ms", "said"), [(49, "sí"), (51, "NO")])
def test_orders_are_judged_by_their_slowest_hundredth(slow_ms: float, said: str) -> None:
    """Beside a plain round trip; the answer and the live event each."""
    lines: list[str] = []
    times = ordenes.Times([0.01] * 98 + [slow_ms / 1000] * 2, [0.008] * 100, [0.001] * 100)
    ordenes.rows(Context(Options(), Report({}, echo=lines.append)), times)
    assert [line.partition(" PUT")[2].rpartition(", ")[2] for line in lines[::2]] == [
        "p50: 10,0 ms | ida y vuelta MQTT 1,00 (x 10,0)",
        "p50: 8,00 ms | ida y vuelta MQTT 1,00 (x 8,00)",
    ]
    assert lines[1].endswith(
        f"p99: {slow_ms},0 ms | ida y vuelta MQTT 1,00 (x {slow_ms},0) | meta: p99 < 50 ms  {said}"
    )
    assert lines[3].endswith("meta: p99 < 50 ms  sí")


def test_without_our_system_the_round_trip_is_measured_alone() -> None:
    """As ``--referencias`` asks."""
    report = Report({}, echo=lambda _: None)
    ordenes.rows(Context(Options(ours=False), report), ordenes.Times(echo=[0.002]))
    assert [(row.ours, row.limit, row.reached) for row in report.rows] == [(None, 2.0, None)] * 4


def test_every_benchmark_is_named_in_its_page() -> None:
    """The list of names, and the table of what is measured."""
    page = (Path(__file__).resolve().parents[2] / "bench" / "README.md").read_text()
    assert [name for name in CASES if f"| `{name}` |" not in page] == []


def test_options_from_the_command_line() -> None:
    """--rapido shortens; --segundos wins over it; an unknown name is refused with the known ones."""
    assert make_options(parse(["--rapido"])).kills == 3
    assert make_options(parse(["--rapido", "--segundos", "1"])).seconds == 1
    with pytest.raises(SystemExit):
        parse(["nada"])


def test_a_value_that_another_overtook_counts_until_that_one_was_seen() -> None:
    """The screen shows the newest of a frame; the ones before it waited as long."""
    stamps = {"1,0": 100.0, "1,1": 110.0, "1,2": 120.0, "1,3": 130.0}
    seen = [("9,9 °C", 90.0), ("1,0 °C", 105.0), ("1,2 °C", 125.0), ("1,2 °C", 126.0)]
    assert pagina.delays(stamps, seen) == [5.0, 15.0, 5.0]
