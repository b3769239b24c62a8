"""Asks pip-audit for known vulnerabilities, and first makes sure that somebody answers.

pip-audit reports success when its service knows none of the packages (a mirror that only serves the simple index does
that), so a release with published vulnerabilities is asked for first: if it is not recognised, nothing was audited.

Usage: python tools/auditar.py FILE... Exit code 0: audited, nothing known; 1: vulnerable; 3: could not be audited.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

CONTROL = "jinja2==2.4.1"  # years of published vulnerabilities
NOT_AUDITED = 3
_SERVICES = (("-s", "pypi"), ("-s", "osv"))


def main(files: list[str]) -> int:
    """Audit every file with the first service that passes the control."""
    reasons = []
    for service in _SERVICES:
        reason = missing_service(service)
        if reason is None:
            return max(audit(Path(name), service) for name in files)
        reasons.append(f"{service[1]}: {reason}")
    print("pip-audit: NOT AUDITED, no vulnerability service can be used from here")
    for reason in reasons:
        print(f"    {reason}")
    return NOT_AUDITED


def missing_service(service: tuple[str, str]) -> str | None:
    """Why this service cannot be used; None when it recognises the control."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as control:
        control.write(CONTROL + "\n")
        control.flush()
        packages, told = _ask(["--no-deps", "-r", control.name], service)
    if any(package.get("vulns") for package in packages):
        return None
    skipped = [str(package["skip_reason"]) for package in packages if package.get("skip_reason")]
    return (skipped or [f"{CONTROL} is not recognised; it said: {told}"])[0]


def audit(file: Path, service: tuple[str, str]) -> int:
    """Ask for every package of one file."""
    packages, told = _ask(["--require-hashes", "-r", str(file)], service)
    vulnerable = [package for package in packages if package.get("vulns")]
    skipped = [package for package in packages if package.get("skip_reason")]
    for package in vulnerable:
        names = ", ".join(vuln["id"] for vuln in package["vulns"])
        print(f"pip-audit: {file.name}: {package['name']} {package['version']}: {names}")
    if vulnerable:
        return 1
    if skipped or not packages:
        print(f"pip-audit: {file.name}: NOT AUDITED: {skipped or told}")
        return NOT_AUDITED
    print(f"pip-audit: {file.name}: {len(packages)} packages, nothing known")
    return 0


def _ask(args: list[str], service: tuple[str, str]) -> tuple[list[dict[str, Any]], str]:
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--progress-spinner", "off", "-f", "json"]
    done = subprocess.run([*command, *service, *args], check=False, capture_output=True, text=True)
    try:
        return list(json.loads(done.stdout)["dependencies"]), ""
    except (ValueError, KeyError):
        return [], (done.stderr.strip().splitlines() or ["nothing"])[-1]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
