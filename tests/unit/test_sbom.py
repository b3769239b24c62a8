"""`./iot sbom` against CycloneDX's own schema, which the audit's library brings along, and against what is pinned."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from importlib import metadata, resources
from typing import Any

import jsonschema_rs
import pytest

from app.cli_sbom import bill, pinned, show
from tests.support.procesos import ROOT

NOW = datetime(2026, 11, 26, 8, tzinfo=UTC)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return bill(ROOT, NOW)


def test_it_is_what_the_specification_says(document: dict[str, Any]) -> None:
    """The whole schema of 1.6; the two that it refers to (SPDX's names, signatures) are read from beside it."""
    folder = resources.files("cyclonedx.schema") / "_res"
    main, *others = (
        json.loads((folder / f"{name}.SNAPSHOT.schema.json").read_text(encoding="utf-8"))
        for name in ("bom-1.6", "spdx", "jsf-0.82")
    )
    # They refer to each other by the names that their files have here.
    found = [(f"{schema['$id'].removesuffix('.schema.json')}.SNAPSHOT.schema.json", schema) for schema in others]
    jsonschema_rs.validator_for(main, registry=jsonschema_rs.Registry(found)).validate(document)
    assert not jsonschema_rs.validator_for(main, registry=jsonschema_rs.Registry(found)).is_valid(
        {**document, "components": [{"name": "sin tipo"}]}
    )


def test_the_fields_that_must_be_there(document: dict[str, Any]) -> None:
    assert (document["bomFormat"], document["specVersion"], document["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", document["serialNumber"])
    assert document["metadata"]["timestamp"] == "2026-11-26T08:00:00Z"
    refs = [c["bom-ref"] for c in document["components"]]
    assert len(refs) == len(set(refs))
    for component in document["components"]:
        assert {"type", "name", "version", "bom-ref"} <= set(component)
    known = {*refs, document["metadata"]["component"]["bom-ref"]}
    for edge in document["dependencies"]:
        assert {edge["ref"], *edge["dependsOn"]} <= known


def test_everything_pinned_is_in_it_with_all_its_hashes(document: dict[str, Any]) -> None:
    listed = {c["name"]: c for c in document["components"]}
    text = (ROOT / "requirements.txt").read_text()
    pins = re.findall(r"^([\w.-]+)==", text, re.MULTILINE)
    assert len(pins) > 30
    for name in pins:
        assert listed[name.lower().replace("_", "-").replace(".", "-")]["scope"] == "required"
    gevent, pin = listed["gevent"], pinned(ROOT)["gevent"]
    assert gevent["version"] == metadata.version("gevent") == pin["version"]
    block = re.search(r"^gevent==(?:.*\\\n)+.*", text, re.MULTILINE)
    assert block is not None
    assert [h["content"] for h in gevent["hashes"]] == re.findall(r"sha256:(\w{64})", block[0])
    assert all(h["alg"] == "SHA-256" for h in gevent["hashes"])
    assert listed["pytest"]["scope"] == "excluded"
    assert {"python", "openssl", "sqlite"} <= set(listed)


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert show(ROOT) == 0
    assert json.loads(capsys.readouterr().out)["bomFormat"] == "CycloneDX"
