"""README.md is true: each of its commands runs, in its order, and what it shows is what comes out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from app.restauracion import restaurar
from tests.docs.paginas import Bloque, blocks, read
from tests.docs.recorrido import Recorrido, check_lines, check_shape, check_stream, find_action
from tests.support.procesos import require

BLOCKS = blocks(read("README.md"))


class Lectura:
    """The page read from the top as far as a test asks; each step happens once."""

    def __init__(self, casa: Recorrido) -> None:
        self.casa = casa
        self._next = 0
        self._outputs: list[tuple[str, str]] = []

    def upto(self, number: int) -> None:
        while self._next <= number:
            block = BLOCKS[self._next]
            self._next += 1  # first: a step that failed is not tried again, what needs it fails by itself
            self._step(block)
            self._check_refusals(block)

    def _check_refusals(self, block: Bloque) -> None:
        """Only the request whose problem document the page shows next may be refused."""
        refused, self.casa.refused = self.casa.refused, []
        if refused:
            after = BLOCKS[BLOCKS.index(block) + 1]
            assert refused == block.commands()[-1:], f"refused: {refused}"
            assert after.kind == "json", f"refused, and the page does not say so: {refused}"
            assert "error" in json.loads(after.text)

    def _step(self, block: Bloque) -> None:
        match block.kind, block.arg:
            case "sh", "":
                self._outputs = [(command, self.casa.run(command)) for command in block.commands()]
            case (("python" | "json"), name) if "." in name:
                self._file(name, block.text)
            case "json", "":
                check_shape(json.loads(block.text), json.loads(self._last()))
            case "json", "qr":
                wanted = json.loads(block.text)
                printed = [line for _, output in self._outputs for line in output.splitlines() if line.startswith("{")]
                assert wanted in map(json.loads, printed), printed
            case "text", "":
                check_lines(block.text, self._last())
            case "text", "sse":
                check_stream(block.text, self._last())
            case _:
                pytest.fail(f"no test knows what to do with {block}")

    def _last(self) -> str:
        assert self._outputs, "this block shows the output of no command"
        return self._outputs[-1][1]

    def _file(self, name: str, text: str) -> None:
        self.casa.write(name, text)
        if name == "instance/config.py":
            shown = json.loads(self.casa.run("./iot config --json"))
            expected: dict[str, object] = {}
            exec(text, expected)
            settings = {row["nombre"]: row for row in shown["ajustes"]}
            for key in filter(str.isupper, expected):
                assert settings[key]["valor"] == expected[key]
                assert settings[key]["origen"].endswith(name)


@pytest.fixture(scope="module")
def lectura(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lectura]:
    for program in ("bash", "curl", "git", "mosquitto", "mosquitto_pub", "mosquitto_sub"):
        require(program)
    casa = Recorrido(tmp_path_factory.mktemp("readme"))
    try:
        yield Lectura(casa)
    finally:
        casa.stop()


@pytest.mark.integration
@pytest.mark.timeout(180)
@pytest.mark.parametrize("number", range(len(BLOCKS)), ids=lambda n: f"linea{BLOCKS[n].line}-{BLOCKS[n].kind}")
def test_every_block_is_true(lectura: Lectura, number: int) -> None:
    lectura.upto(number)


@pytest.mark.integration
def test_what_was_followed_left_a_whole_house(lectura: Lectura) -> None:
    """After the last command: the README's device is claimed and on, and the backup comes back."""
    import sqlite3

    lectura.upto(len(BLOCKS) - 1)
    (made,) = (lectura.casa.root / "instance" / "respaldos").glob("casa-*.tar.gz")
    copy = lectura.casa.root / "copia-de-la-casa" / "iot.db"
    restaurar(made, copy, datetime.now(UTC))
    connection = sqlite3.connect(f"file:{copy}?mode=ro", uri=True)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        row = connection.execute(
            "SELECT id, nombre, estado, reclamado FROM dispositivo WHERE serial_number='TMP0603IF1WD'"
        )
        assert row.fetchone() == (1, "Sensor Temp", "activo", 1)
    finally:
        connection.close()


def test_the_promised_commands_are_there() -> None:
    """The commands that the project has promised since its first README, to the letter but for the host."""
    commands = [c for b in BLOCKS if b.kind == "sh" for c in b.commands()]
    json_header = '-H "Content-Type: application/json"'
    switch = '{"configuracion":{"modo":"manual","encendido":true}}'
    claim = (
        '{"serial_number":"TMP0603IF1WD","nombre":"Sensor Temp","tipo":"sensor","modelo":"T-01",'
        '"descripcion":"Termómetro","configuracion":{"modo":"manual","encendido":true}}'
    )
    for promised in (
        "./iot",
        "./iot test",
        "pip install -r requirements.txt && python run.py",
        f"curl -X POST http://127.0.0.1:5000/dispositivos/reclamar {json_header} -d '{claim}'",
        f"curl -X PUT http://127.0.0.1:5000/dispositivos/1 {json_header} -d '{switch}'",
    ):
        assert promised in commands


def test_english_has_the_same_blocks() -> None:
    """README.en.md shows the same commands, files and outputs in the same order."""
    english = blocks(read("README.en.md"))
    assert [(b.kind, b.arg, b.text) for b in english] == [(b.kind, b.arg, b.text) for b in BLOCKS]


@pytest.mark.parametrize("page", ["```bash\nls\n```\n", "```\nls\n```\n", "```sh\nls\n", "  ```sh\n  ls\n  ```\n"])
def test_a_block_that_nobody_checks_is_an_error(page: str) -> None:
    with pytest.raises(AssertionError):
        blocks(page)


@pytest.mark.parametrize("command", ["./iot borrar", "sudo reboot", "curl http://example.org/", "./iot simular", "ls"])
def test_a_command_that_nobody_knows_is_an_error(command: str) -> None:
    with pytest.raises(AssertionError, match="no test knows"):
        find_action(command)


@pytest.mark.parametrize(
    ("shown", "real"),
    [
        ({"a": 1}, {"a": "1"}), ({"a": 1}, {"a": 1, "b": 2}), ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"estado": "activo"}, {"estado": "x"}), ([1], []),
    ],
)  # fmt: skip
def test_another_shape_is_an_error(shown: object, real: object) -> None:
    with pytest.raises(AssertionError):
        check_shape(shown, real)


@pytest.mark.parametrize("real", ["uno\ntres\n", "dos\nuno\n", "uno\nmedio\ndos\n", ""])
def test_other_lines_are_an_error(real: str) -> None:
    check_lines("uno\ndos\n", "uno\ndos\n")
    check_lines("uno\n…\ndos\n", "uno\nmedio\ndos\n")
    with pytest.raises(AssertionError):
        check_lines("uno\ndos\n", real)
