"""The budget of the page: what it takes for a function, on a script that tries to mislead it, and what it refuses."""

from __future__ import annotations

import pytest

from tools import presupuesto_web
from tools.presupuesto_web import Function, blank, functions

SCRIPT = """\
/** A } comment { */
export function uno(a, { b } = {}) {
  // { not this
  if (a) { return '}' }

  const expresion = /[/{]"/.test(a) ? a / b / 2 : `x ${a ? `{${b}` : '}'} {`
  return expresion
}
class Cosa extends HTMLElement {
  get valor() { return 1 }
  async #dos(x = f(1)) {
    for (const y of x) { await y }
  }
}
const tres = (a) => ({
  a,
})
const cuatro = async (a, b) => {
  return a
}
lista.map((x) => {
  return x
})
"""


def test_functions_are_found_with_their_lines():
    """Control structures, objects and what is in strings, comments, templates and expressions are not functions."""
    found = {f.name: f for f in functions(SCRIPT)}
    assert found == {
        "uno": Function(2, "uno", 6),
        "valor": Function(10, "valor", 1),
        "#dos": Function(11, "#dos", 3),
        "tres": Function(15, "tres", 3),
        "cuatro": Function(18, "cuatro", 3),
        "=>": Function(21, "=>", 3),
    }


def test_what_is_blanked_keeps_its_length_and_lines():
    text = blank(SCRIPT)
    assert [len(line) for line in text.splitlines()] == [len(line) for line in SCRIPT.splitlines()]
    assert text.count("{") == text.count("}")


@pytest.fixture
def web(tmp_path, monkeypatch):
    for folder in ("templates", "static/js/elementos"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.setattr(presupuesto_web, "WEB", tmp_path)
    return tmp_path


def test_what_is_too_large_is_named(web):
    """Bytes of the three weights, lines of a file, of the chart, of a function; comments weigh nothing."""
    (web / "static/js/largo.js").write_text("x()\n" * 421)
    (web / "static/js/elementos/grafica.js").write_text("x() // y\n/** z */\n" * 151)
    (web / "static/js/elementos/trazo.js").write_text("x()\n" * 150)
    (web / "static/js/f.js").write_text("function f() {\n" + "x()\n" * 50 + "}\n" + "/** a */" * 20_000)
    for folder, name, size in (
        ("css", "base.css", 80_000),
        ("css", "mas.css", 80_000),
        ("pantallas", "salud.js", 50_000),
    ):
        (web / "static" / folder).mkdir(exist_ok=True)
        (web / "static" / folder / name).write_text("x" * size)
    said, faults = presupuesto_web.measure()
    assert said.startswith("page: 7 files, 301 lines of chart; bytes for the house, a family, in all: 8")
    assert [fault.split(": ", 1)[-1] for fault in faults if ".js" in fault] == [
        "f has 52 lines",
        "421 lines, 420 are allowed",
    ]
    assert faults[-1] == "the chart has 301 lines of code, 300 are allowed"
    assert [fault.partition(" bytes ")[2] for fault in faults[:3]] == [
        "at first sight, 75000 are allowed",
        "for a family, 150000 are allowed",
        "in all, 190000 are allowed",
    ]
