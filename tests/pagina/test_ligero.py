"""What browsers load is the program that is written: the same tree to TypeScript, the same rules to Chromium."""

from __future__ import annotations

import json
import subprocess

import pytest

from app import ligero
from app.pagina import ESTATICOS
from tests.support.procesos import ROOT, missing, require

pytestmark = pytest.mark.usefixtures("navegador")  # it outlives the module
TYPESCRIPT = ROOT / "build" / "tipos" / "node_modules" / "typescript" / "lib" / "typescript.js"
# Every node with its kind and, if it is a token, its text; comments are none. Tells which pairs differ.
COMPARE = """
const ts = require(process.argv[1])
const tree = (text) => {
    const file = ts.createSourceFile('a.js', text, ts.ScriptTarget.ESNext, true, ts.ScriptKind.JS)
    if (file.parseDiagnostics.length) throw new Error(file.parseDiagnostics[0].messageText)
    const walk = (node) => {
        const inside = []
        ts.forEachChild(node, (child) => { inside.push(walk(child)) })
        return [node.kind, inside.length ? inside : ts.isToken(node) ? node.getText(file) : '']
    }
    return JSON.stringify(walk(file))
}
const pairs = JSON.parse(require('fs').readFileSync(0, 'utf8'))
console.log(JSON.stringify(Object.keys(pairs).filter((name) => tree(pairs[name][0]) !== tree(pairs[name][1]))))
"""
RULES = r"""([written, served]) => {
    const [a, b] = [written, served].map((text) => {
        const sheet = new CSSStyleSheet()
        sheet.replaceSync(text)
        // what has a var() in it is kept as it was written
        return [...sheet.cssRules].map((rule) => rule.cssText.replace(/\s*,\s*/g, ','))
    })
    return [a.length, a.filter((rule, i) => rule !== b[i])]
}"""


def differing(pairs: dict[str, tuple[str, str]]) -> list[str]:
    done = subprocess.run(
        [require("node"), "-e", COMPARE, str(TYPESCRIPT)],
        input=json.dumps(pairs), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return list(json.loads(done.stdout))


def test_scripts_are_the_same_program():
    if not TYPESCRIPT.exists():
        missing("TypeScript is not here: tools/tipos-js installs it (with npm)")
    scripts = [*ESTATICOS.glob("*.js"), *ESTATICOS.glob("js/**/*.js")]
    written = {str(path.relative_to(ESTATICOS)): path.read_text() for path in scripts}
    assert differing({name: (text, ligero.script(text)) for name, text in written.items()}) == []
    assert differing({"one": ("f(a + b)", "f(a+c)"), "other": ("f(1)", "f( 1 ) // x")}) == ["one"]


def test_styles_are_the_same_rules(ventanas):
    page = ventanas.abrir(None)
    for path in sorted(ESTATICOS.glob("css/*.css")):
        rules, other = page.evaluate(RULES, [path.read_text(), ligero.style(path.read_text())])
        assert rules > 3
        assert other == [], path.name
