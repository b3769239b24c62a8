"""Scripts and styles as browsers load them: what is taken out, and what must stay although it looks alike."""

from __future__ import annotations

import pytest

from app import ligero
from app.pagina import ESTATICOS

SCRIPTS = sorted([*ESTATICOS.glob("*.js"), *ESTATICOS.glob("js/**/*.js")])


@pytest.mark.parametrize(
    ("written", "served"),
    [
        ("/** @param {X} a */\nfunction f(a) {\n  return a; // b\n}\n", "function f(a){return a;}\n"),
        ("const a = /** @type {any} */ (b);", "const a=(b);\n"),
        ("x = 'http://a /* b */ // c';", "x='http://a /* b */ // c';\n"),
        ("x = `a  ${ b ? `c // ${ d }` : '}' }  /* e */ { `;", "x=`a  ${b?`c // ${d}`:'}'}  /* e */ { `;\n"),
        ("x = a / b / c; y = 'a' / 2; z = f(x) / 2;", "x=a / b / c;y='a'/ 2;z=f(x)/ 2;\n"),
        ("x = /[/'\"{]  (/g.test(y) / 2;", "x=/[/'\"{]  (/g.test(y)/ 2;\n"),
        ("return /a/ in b", "return /a/ in b\n"),
        ("a = b + +c - -d;", "a=b + +c - -d;\n"),
        ("let a = 1\nlet b = 2\n", "let a=1\nlet b=2\n"),  # lines end statements
        ("const f = () => { a() }\nf()", "const f=()=>{a()}\nf()\n"),
        ("return 'a' in b ? `c` : d", "return'a'in b?`c`:d\n"),
    ],
)
def test_a_script(written, served):
    assert ligero.script(written) == served


@pytest.mark.parametrize(
    ("written", "served"),
    [
        ("/* a */\n.b, .c > d {\n  color: red; margin: 0 auto;\n}\n", ".b,.c > d{color:red;margin:0 auto}\n"),
        (".a :is(b, c)::after { content: ''; }", ".a :is(b,c)::after{content:''}\n"),
        ("@media (x: 9px) and (y) { a { b: calc(1px + 2px); } }", "@media (x:9px) and (y){a{b:calc(1px + 2px)}}\n"),
    ],
)  # fmt: skip
def test_a_style(written, served):
    assert ligero.style(written) == served


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_pieces_give_the_script_back_and_nothing_is_left_to_take_out(path):
    source = path.read_text()
    assert "".join(text for _, text in ligero.trozos(source)) == source
    light = ligero.script(source)
    assert len(light) < len(source)
    assert ligero.script(light) == light
    assert {clase for clase, _ in ligero.trozos(light)} <= {"codigo", "texto", "regex"}
