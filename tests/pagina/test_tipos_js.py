"""The JSDoc types of the page's scripts hold, and none of the scripts is left out (tools/tipos-js)."""

from __future__ import annotations

import subprocess

from tests.support.procesos import ROOT, missing, require

TSC = ROOT / "build" / "tipos" / "node_modules" / "typescript" / "bin" / "tsc"
STATIC = ROOT / "app" / "web" / "static"


def test_every_script_is_checked_and_right():
    """tsc finds nothing, in all of them."""
    node, scripts = require("node"), [*STATIC.glob("*.js"), *STATIC.glob("js/**/*.js")]
    if not TSC.exists():
        missing("TypeScript is not here: tools/tipos-js installs it (with npm)")
    if not scripts:
        return
    done = subprocess.run(
        [node, str(TSC), "-p", str(ROOT / "jsconfig.json"), "--listFiles"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
    assert {str(path) for path in scripts} <= set(done.stdout.split())
