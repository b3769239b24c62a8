"""What the pages say of settings, commands, endpoints and files is what the program has."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from app.arranque import FALLIDO, REPARADA, RESTAURADO
from app.borrado import BORRADO
from app.domain.aviso import ESTADOS as ESTADOS_AVISO
from app.domain.aviso import GRAVEDADES
from app.domain.orden import ESTADOS as ESTADOS_ORDEN
from app.domain.reloj import SALTO
from app.guardian import DISCO, SALTO_RELOJ
from app.openapi_tabla import OPERACIONES
from app.programador import RELOJ
from app.reglas import EN_BUCLE, FALLIDA
from app.respaldador import RESPALDO_FALLIDO
from config import AJUSTES, Config
from sse_client import SENTENCES
from tests.docs import ajustes
from tests.docs.paginas import control_pages, inline_code, pages, prose, read
from tests.support.procesos import ROOT

NAMES = {a.nombre for a in AJUSTES}
APART = {"IOT_INSTANCE_PATH", "IOT_PYTHON", "IOT_URL", "IOT_CLAVE", "IOT_TOKEN", "IOT_SIM_CLAVE", "IOT_SIM_USUARIO"}
# Words in capitals and code marks that are no settings of ours.
OTHERS = {"GET", "PUT", "POST", "DELETE", "COMMIT", "SIGTERM", "SIGINT", "PUBACK", "CONNECT", "DUP"}
README_ROW = re.compile(r"^\| `([A-Z_]+)` \| (.+?) \|", re.MULTILINE)


@pytest.mark.parametrize(
    "page",
    ["README.md", "README.en.md", "docs/operacion.md", "docs/glosario.md", *(f"docs/{n}" for n in control_pages())],
)
def test_settings_that_pages_name_exist(page: str) -> None:
    for word in inline_code(read(page)):
        for name in re.findall(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b", word):
            assert name in NAMES or name in APART or name.removeprefix("IOT_") in NAMES, f"{page}: {name}"


def test_every_setting_is_documented() -> None:
    """docs/operacion.md has the table of config.py, whole; `python -m tests.docs.ajustes` writes it."""
    assert ajustes.in_page() == ajustes.table()


@pytest.mark.parametrize("page", ["README.md", "README.en.md"])
def test_defaults_in_the_readme_are_the_defaults(page: str) -> None:
    rows = dict(README_ROW.findall(read(page)))
    promised = {
        "SECRET_KEY", "SQLALCHEMY_DATABASE_URI", "SQLALCHEMY_TRACK_MODIFICATIONS", "BACKEND_HOST", "BACKEND_PORT",
        "PUBLIC_BACKEND_URL", "MQTT_BROKER_URL", "MQTT_BROKER_PORT", "MQTT_KEEPALIVE", "MQTT_TLS_ENABLED",
    }  # fmt: skip
    assert promised <= set(rows)
    for name, shown in rows.items():
        value = getattr(Config, name)
        assert shown.startswith("*(") if value == "" else shown == ajustes.shown(value), f"{name}: {shown}"


@pytest.mark.parametrize("page", ["README.md", "README.en.md"])
def test_promised_files_are_there(page: str) -> None:
    """Those of the first README; the database appears at the first start."""
    text = read(page)
    for name in ("config.py", "requirements.txt", "run.py", "app/db.py", "app/models.py", "app/mqtt_client.py",
                 "app/routes.py", "app/sse.py", "app/__init__.py", "sse_client.py"):  # fmt: skip
        assert f"`{name}`" in text
        assert (ROOT / name).is_file()
    assert "`instance/iot.db`" in text


@pytest.mark.parametrize("page", ["README.md", "README.en.md", *(f"docs/{n}" for n in control_pages())])
def test_endpoints_that_pages_name_exist(page: str) -> None:
    offered = {(o.metodo, re.sub(r"\{.*?\}", "<>", o.ruta)) for o in OPERACIONES}
    named = re.findall(r"`(GET|PUT|POST|DELETE) (/[^\s`]*)", prose(read(page)))
    for method, path in named:
        plain = re.sub(r"<.*?>", "<>", path.partition("?")[0])
        assert (method, plain) in offered, f"{method} {path}"


@pytest.mark.parametrize("page", ["README.md", "README.en.md"])
def test_promised_endpoints_are_named(page: str) -> None:
    promised = (
        "GET /dispositivos", "GET /dispositivos/<id>", "PUT /dispositivos/<int:id>", "GET /dispositivos/no-reclamados",
        "POST /dispositivos/reclamar", "GET /dispositivos/<id>/logs?page=1&per_page=50",
        r"GET /stream/dispositivos?serial=&reclamado=true\|false",
    )  # fmt: skip
    for line in promised:
        assert f"`{line}`" in read(page)


@pytest.mark.parametrize("page", ["README.md", "README.en.md"])
def test_named_events_are_documented(page: str) -> None:
    """Each that the stream carries stands in the pages and in OpenAPI."""
    live = next(o.descripcion for o in OPERACIONES if o.ruta == "/stream/dispositivos")
    for name in SENTENCES:
        assert f"`{name}`" in read(page)
        assert f"`{name}`" in live


def mentioned() -> list[str]:
    found = {code for page in pages() for code in inline_code(page.read_text(encoding="utf-8"))}
    return sorted(code for code in found if code.startswith("./iot"))


@pytest.mark.parametrize("code", mentioned())
def test_commands_in_the_prose_exist(code: str) -> None:
    """`./iot something --option` in a sentence: the program's own help knows that command and that option."""
    _, *words = code.replace("…", "").split()
    command = words[0] if words and not words[0].startswith("-") else ""
    options = [w.partition("=")[0] for w in words if w.startswith("--")]
    argv = [sys.executable, "-m", "app.cli", *([command] if command else []), "--help"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    if command != "test":
        for option in options:
            assert re.search(rf"{option}\b", done.stdout), f"{option} is not in the help of {command or './iot'}"


def test_codes_of_rejected_messages_are_explained() -> None:
    """Each `motivo` that ingest can write stands in docs/operacion.md."""
    source = read("app/domain/reporte.py") + read("app/ingest.py")
    reasons = set(re.findall(r'ReporteRechazado\("([a-z_0-9]+)"', source))
    reasons |= set(re.findall(r'return "([a-z_0-9]+)", ', source))
    reasons |= set(re.findall(r'^    "([a-z_0-9]+)": "', source, re.MULTILINE))
    reasons |= set(re.findall(r'NuevoRechazo\([^"\n]*"([a-z_0-9]+)"', source))
    assert {"no_json", "no_almacenable", "demasiados_sin_reclamar"} <= reasons
    page = read("docs/operacion.md")
    assert not [r for r in reasons if f"`{r}`" not in page]


def test_the_glossary_has_the_words_of_control() -> None:
    """The states of orders and notices, how bad these are, and the named events."""
    page = read("docs/glosario.md")
    words = {*ESTADOS_ORDEN, *ESTADOS_AVISO, *GRAVEDADES, *SENTENCES, "deriva", "reloj_salto"}
    assert not [word for word in words if f"`{word}`" not in page and f"**{word.capitalize()}" not in page]


def test_every_kind_of_notice_is_explained() -> None:
    """Each ``tipo`` that is given to ``avisar``, by its literal or by the constant that holds it."""
    source = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "app").glob("*.py"))
    given = set(re.findall(r'avisar\([^)]*?tipo=(f?"?[\w{}.]+"?)', source))
    constants = {"BORRADO": BORRADO, "DISCO": DISCO, "RELOJ": RELOJ, "SALTO_RELOJ": SALTO_RELOJ}
    constants |= {"reglas.EN_BUCLE": EN_BUCLE, "reglas.FALLIDA": FALLIDA}
    constants["RESPALDO_FALLIDO"] = RESPALDO_FALLIDO
    orders = {
        'f"orden_{ended.estado}"': ("orden_expirada", "orden_rechazada"),
        "accion": (RESTAURADO, FALLIDO, REPARADA),
    }
    kinds = {k for g in given for k in orders.get(g, (constants.get(g, g.strip('"')),))}
    assert len(kinds) == 15
    page = read("docs/operacion.md")
    assert not [k for k in kinds if f"`{k}`" not in page]
    assert f"saltó {SALTO.total_seconds() / 60:g} minutos o más" in page


def test_modules_of_the_architecture_exist() -> None:
    """Every file that docs/arquitectura.md names is there, and every module of app/ is named."""
    page = read("docs/arquitectura.md")
    for name in set(re.findall(r"`((?:app|simulator|bench|tests|tools|docs)/[\w/.-]+\.(?:py|md|html|css))`", page)):
        assert (ROOT / name).exists(), name
    unnamed = [p.name for p in (ROOT / "app").glob("*.py") if p.name not in page]
    assert not unnamed, f"docs/arquitectura.md says nothing of {unnamed}"


def test_figures_of_settings_in_the_architecture_are_the_defaults() -> None:
    """The bounds table: `SETTING` 1,000 is config.py's default."""
    found = re.findall(r"`([A-Z][A-Z_]+)` ([\d,]+)( KiB)?", read("docs/arquitectura.md"))
    assert len(found) > 10
    for name, figure, kib in found:
        assert int(figure.replace(",", "")) * (1024 if kib else 1) == getattr(Config, name), name


def test_decision_records_that_are_named_exist() -> None:
    """docs/adr/NNNN in code and pages leads to a page of that number."""
    folders = (ROOT / name for name in ("app", "bench", "docs", "simulator"))
    sources = [p for folder in folders for p in folder.rglob("*") if p.suffix in (".py", ".md")]
    named = {n for p in sources for n in re.findall(r"(?:docs/)?adr/(\d{4})", p.read_text(encoding="utf-8"))}
    assert named
    missing = [n for n in sorted(named) if not list((ROOT / "docs/adr").glob(f"{n}-*.md"))]
    assert not missing, f"no docs/adr page numbered {missing}"
