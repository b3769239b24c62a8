"""The page as it is served: its shell, its files under a version, what a browser may keep; and its words."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import create_app, pagina, salud
from app.domain.orden import EXPIRADA, RECHAZADA
from tests.support.edge import EdgeSettings, make_services

JS = pagina.ESTATICOS / "js"
APP = Path(pagina.__file__).parent
PARTS = sorted({path.name.split(".")[0] for path in (JS / "textos").iterdir()})


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Any]:
    found = make_services(tmp_path, EdgeSettings(), {})
    yield create_app(found).test_client()
    found.db.close()


def get(client: Any, path: str, **headers: str) -> Any:
    """The answer, read and closed: files are sent as they are on the disk."""
    answer = client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer.get_data()
    answer.close()
    return answer


def words(part: str, language: str) -> dict[str, str]:
    """Each key of a catalogue, with what stands for it."""
    text = (JS / "textos" / f"{part}.{language}.js").read_text()
    key = r"(?:'([^']+)'|([\w]+))"
    value = r"((?:'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|`[^`]*`|\{(?:[^{}']|'(?:\\.|[^'\\])*')*\}))"
    return {m[1] or m[2]: m[3] for m in re.finditer(rf"(?:^|[,{{]\s*|\n\s*){key}:\s*{value}", text, re.MULTILINE)}


def test_the_shell_needs_no_address_but_its_own(client):
    """Every file it names is found where the page is, also below a proxy's prefix; nothing comes from elsewhere."""
    answer = get(client, "/")
    text = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert answer.content_type == "text/html; charset=utf-8"
    named = re.findall(r'(?:href|src)="([^"]+)"', text)
    assert named
    for address in named:
        assert not address.startswith(("/", "http")), address
        assert get(client, f"/{address}").status_code == 200, address


def test_nothing_of_the_page_leads_outside():
    """No other host and no address from the root, in any of its files."""
    for path in pagina.ESTATICOS.rglob("*"):
        if path.suffix not in (".js", ".css", ".webmanifest") or path.name in ("docs.css", "autoridad.css"):
            continue
        text = path.read_text()
        hosts = set(re.findall(r"https?://([\w.]+)", text)) - {"www.w3.org", "localhost"}
        assert not hosts, (path, hosts)
        assert not re.search(r"""(?:fetch|import|get|put|post|del|url)\(\s*['"`]/""", text), path


def test_the_language_is_the_readers(client):
    for asked, expected in (("es-ES,es", "es"), ("en-GB,en;q=0.9", "en"), ("de-DE", "es"), ("", "es")):
        answer = get(client, "/", Accept_Language=asked)
        assert f'<html lang="{expected}" data-ve>' in answer.get_data(as_text=True)
        assert f"textos/base.{expected}.js" in answer.get_data(as_text=True)
        assert "Accept-Language" in answer.headers["Vary"]


def test_a_file_is_kept_for_good_under_its_version_only(client):
    now = get(client, f"/static/{pagina.version()}/js/app.js")
    old = get(client, "/static/v-0123456789ab/js/app.js")
    plain = get(client, "/static/js/app.js")
    assert now.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert now.data == old.data
    assert plain.data == (pagina.ESTATICOS / "js/app.js").read_bytes()  # as it is written, to be read
    assert now.content_type == plain.content_type
    assert len(now.data) < len(plain.data)
    assert get(client, "/static/v-0123456789ab/js/app.js", If_None_Match=old.headers["ETag"]).status_code == 304
    for answer in (old, plain):
        assert "immutable" not in answer.headers["Cache-Control"]
        assert answer.headers["ETag"]


def test_a_change_of_any_file_is_another_version(tmp_path, monkeypatch):
    (tmp_path / "js").mkdir()
    (tmp_path / "js" / "a.js").write_text("1")
    monkeypatch.setattr(pagina, "ESTATICOS", tmp_path)
    before = pagina.version()
    assert pagina.version() == before
    (tmp_path / "js" / "a.js").write_text("22")
    assert pagina.version() != before


def test_the_worker_may_serve_the_whole_page(client):
    assert get(client, "/static/sw.js").headers["Service-Worker-Allowed"] == "../"


@pytest.mark.parametrize(
    "path", ["../pagina.py", "v-1/../../pagina.py", "v-1//etc/passwd", "v-1/", "js", "%2e%2e/pagina.py"]
)
def test_no_other_file_is_served(client, path):
    assert get(client, f"/static/{path}").status_code == 404


def test_scripts_and_styles_are_told_as_what_they_are(client):
    """Browsers refuse a module of another type."""
    for name, kind in (("js/app.js", "text/javascript"), ("css/base.css", "text/css"), ("icono.svg", "image/svg+xml")):
        assert get(client, f"/static/{name}").content_type.startswith(kind)
    assert get(client, "/static/manifest.webmanifest").content_type.startswith("application/manifest+json")


def test_home_screens_get_a_picture_that_they_can_draw(client):
    """iOS takes PNG only, Android wants one that it may cut; each has the size that is told (the IHDR of PNG)."""
    told = {
        icon["src"]: icon["sizes"] for icon in get(client, "/static/manifest.webmanifest").get_json(force=True)["icons"]
    }
    assert 'rel="apple-touch-icon" href="static/icono-180.png"' in get(client, "/").get_data(as_text=True)
    for name, size in ((name, size) for name, size in {**told, "icono-180.png": "180x180"}.items() if size != "any"):
        found = get(client, f"/static/{name}").data
        assert found[:8] == b"\x89PNG\r\n\x1a\n"
        assert "{}x{}".format(*struct.unpack(">II", found[16:24])) == size


def test_what_is_told_to_the_browser_at_once_is_what_the_house_imports():
    """A module that is missing there is asked for a round trip later; one too many is asked for in vain."""
    seen: set[str] = set()
    left = ["js/app.js", "js/pantallas/casa.js"]
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        text = (pagina.ESTATICOS / name).read_text()
        imported = re.findall(r"^import (?:.* from )?'(\.[^']+)';", text, re.MULTILINE)
        found = [((pagina.ESTATICOS / name).parent / relative).resolve() for relative in imported]
        left += [str(path.relative_to(pagina.ESTATICOS.resolve())) for path in found]
    assert seen == set(pagina.PRIMEROS)


@pytest.mark.parametrize("part", PARTS)
def test_both_languages_say_the_same_things(part):
    """The same keys, the same holes in them; none is empty. ``dicho`` is what the backend itself says in Spanish."""
    spanish, english = words(part, "es"), words(part, "en")
    assert spanish
    assert set(spanish) == {key for key in english if not key.startswith("dicho.")}
    for key, text in spanish.items():
        assert set(re.findall(r"\{(\w+)\}", text)) == set(re.findall(r"\{(\w+)\}", english[key])), key
        assert min(len(text), len(english[key])) > 2, key


def test_what_the_backend_says_in_spanish_it_does_say():
    """The English words for its notices, the linter's remarks and parts of its health are of kinds that there are."""
    told = {key.removeprefix("dicho.") for part in PARTS for key in words(part, "en") if key.startswith("dicho.")}
    source = "\n".join(path.read_text() for path in [*APP.glob("*.py"), *APP.glob("domain/*.py")])
    made = {kind for kind in told if f'"{kind}"' in source} | {f"orden_{each}" for each in (EXPIRADA, RECHAZADA)}
    made |= {f"salud_{each}" for each in (*salud.JUDGES, "parada", "llenado")}
    assert len(told) > 15
    assert told <= made


def test_no_key_is_in_two_catalogues_with_other_words():
    """All parts share one space of keys: the later one would change the words of the earlier."""
    for language in pagina.IDIOMAS:
        seen: dict[str, str] = {}
        for part in PARTS:
            for key, text in words(part, language).items():
                assert seen.setdefault(key, text) == text, (language, part, key)


def test_every_word_that_is_asked_for_is_in_a_catalogue():
    """Keys that are written out in the scripts."""
    known = {key for part in PARTS for key in words(part, "es")}
    for path in JS.rglob("*.js"):
        if path.parent.name == "textos":
            continue
        for key in re.findall(r"(?<![\w.])t\('([^'$]+)'[,)]", path.read_text()):
            assert key in known, (path.name, key)


@pytest.mark.parametrize(("network", "knows"), [("127.0.0.0/8", True), ("192.168.7.0/24", False)])
def test_the_shell_says_whether_who_asks_may_look(tmp_path, network, knows):
    """So that the page may ask for the house and for who looks at once; nobody's proxy keeps the answer for another."""
    found = make_services(tmp_path, EdgeSettings(trusted_networks=(network,)), {})
    answer = get(create_app(found).test_client(), "/")
    found.db.close()
    assert (" data-ve>" in answer.get_data(as_text=True)) is knows
    assert answer.headers["Cache-Control"] == "private, no-cache"
