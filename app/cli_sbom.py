"""`./iot sbom`: the bill of materials, CycloneDX 1.6 as JSON: what is installed here, and what the project pins."""

from __future__ import annotations

import json
import re
import sqlite3
import ssl
import sys
import uuid
from importlib import metadata
from typing import TYPE_CHECKING, Any

from app import __version__
from app.broker_mosquitto import find_mosquitto
from app.clock import Clock
from app.doctor_red import mosquitto_version

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_SCOPES = (
    ("requirements.txt", "required"),
    ("requirements-avisos.txt", "optional"),
    ("requirements-dev.txt", "excluded"),
)
"""``excluded`` is CycloneDX's word for what is there while developing and not when running."""


def show(root: Path) -> int:
    """Print it; the exit code."""
    print(json.dumps(bill(root, Clock().now()), ensure_ascii=False, indent=2))
    return 0


def bill(root: Path, now: datetime) -> dict[str, Any]:
    """The document, for the project in ``root`` and the Python that runs this."""
    installed = {_normal(d.name): d for d in metadata.distributions()}
    pins = pinned(root)
    runs = {name for name, pin in pins.items() if pin["scope"] == "required"}
    names = sorted((set(installed) | runs) - {"iot-backend"})
    components = [_component(name, installed.get(name), pins.get(name)) for name in names]
    refs = {c["name"]: c["bom-ref"] for c in components}
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid4()}",
        "version": 1,
        "metadata": {
            "timestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "tools": {"components": [{"type": "application", "name": "iot sbom", "version": __version__}]},
            "component": _ours(),
        },
        "components": [*components, *_platform()],
        "dependencies": [
            {"ref": _ours()["bom-ref"], "dependsOn": sorted(refs[name] for name in runs)},
            *({"ref": refs[name], "dependsOn": _needs(installed.get(name), refs)} for name in names),
        ],
    }


def pinned(root: Path) -> dict[str, dict[str, Any]]:
    """name -> version, hashes and scope of each pinned package; the list that is needed most says its scope."""
    found: dict[str, dict[str, Any]] = {}
    for file, scope in _SCOPES:
        current: dict[str, Any] | None = None
        for line in (root / file).read_text().splitlines():
            pin = _PIN.match(line)
            if pin:
                current = {"version": pin[2], "hashes": [], "scope": scope}
                current = found.setdefault(_normal(pin[1]), current) if _normal(pin[1]) not in found else None
            if current is not None:
                current["hashes"] += _HASH.findall(line)
    return found


def _component(name: str, dist: metadata.Distribution | None, pin: Mapping[str, Any] | None) -> dict[str, Any]:
    version = dist.version if dist is not None else pin["version"] if pin is not None else ""
    purl = f"pkg:pypi/{name}@{version}"
    told: dict[str, Any] = {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "scope": pin["scope"] if pin is not None else "optional",
        "purl": purl,
        "properties": [
            {"name": "iot:instalado", "value": "true" if dist is not None else "false"},
            {"name": "iot:fijado", "value": pin["version"] if pin is not None else ""},
        ],
    }
    if pin is not None and pin["version"] == version:
        # Those of every file of the release, as pip checks them: one of them is the installed one's.
        told["hashes"] = [{"alg": "SHA-256", "content": digest} for digest in pin["hashes"]]
    licence = _licence(dist) if dist is not None else None
    if licence is not None:
        told["licenses"] = [licence]
    return told


def _licence(dist: metadata.Distribution) -> dict[str, Any] | None:
    """As the package says it: an SPDX expression (PEP 639), or a short name in its own words."""
    about = dist.metadata
    if about["License-Expression"]:
        return {"expression": about["License-Expression"]}
    said = (about["License"] or "").strip()
    if not said or "\n" in said or len(said) > 100:
        trove = [c.rpartition(" :: ")[2] for c in about.get_all("Classifier") or () if c.startswith("License ::")]
        said = trove[0] if trove else ""
    return {"license": {"name": said}} if said else None


def _needs(dist: metadata.Distribution | None, refs: Mapping[str, str]) -> list[str]:
    """What a package asks for and is there; which of its extras were wanted is not told apart."""
    asked = (re.match(r"[A-Za-z0-9._-]+", need) for need in (dist.requires or () if dist is not None else ()))
    names = {_normal(match[0]) for match in asked if match is not None}
    return sorted(refs[name] for name in names if name in refs)


def _ours() -> dict[str, Any]:
    return {"type": "application", "bom-ref": "iot-backend", "name": "iot-backend", "version": __version__}


def _platform() -> Iterator[dict[str, Any]]:
    """What is not a Python package and runs all the same."""
    parts = [
        ("platform", "python", sys.version.split()[0]),
        ("library", "openssl", ssl.OPENSSL_VERSION.split()[1]),
        ("library", "sqlite", sqlite3.sqlite_version),
    ]
    program = find_mosquitto()
    if program is not None:
        parts.append(("application", "mosquitto", mosquitto_version(program).rpartition(" ")[2]))
    for kind, name, version in parts:
        yield {"type": kind, "bom-ref": f"{name}@{version}", "name": name, "version": version}


def _normal(name: str) -> str:
    """PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()
