"""The ingest remembers devices between batches; what anybody else writes in between must never be lost by it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app import dispositivos
from app.domain.peticiones import Cambios, Reclamo
from app.ingest import Confirmed, Delivery
from tests.support.linea import line
from tests.support.mqtt import SHARED
from tests.support.nucleo import fast_folder

STEPS = st.lists(st.sampled_from(["report", "edit", "claim", "confirm", "fail", "lost"]), min_size=1, max_size=25)


def delivery(n: int) -> Delivery:
    return Delivery(SHARED, b'{"serial_number":"A","parametros":{"n":%d}}' % n, n, 1, False, False, 1)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
@example(steps=["edit", "report", "confirm"])
@example(steps=["edit", "report", "confirm", "report", "lost", "report"])
def test_what_others_write_between_batches_stays(steps):
    """A model beside it: name, claim, confirmed version and last value must be those of the steps, in any order."""
    with fast_folder() as folder, line(Path(folder), start=False) as it:
        it.ingest._process([delivery(0)])
        want = {"nombre": "No definido", "reclamado": False, "confirmada": 0, "n": 0}
        for number, step in enumerate(steps, 1):
            if step == "report":
                it.ingest._process([delivery(number)])
                want["n"] = number
            elif step == "edit":
                with it.house.db.unit_of_work() as uow:
                    dispositivos.actualizar(
                        uow, 1, Cambios(nombre=f"n{number}", configuracion={"x": number}), if_match=None
                    )
                want["nombre"] = f"n{number}"
            elif step == "claim" and not want["reclamado"]:
                with it.house.db.unit_of_work() as uow:
                    dispositivos.reclamar(uow, Reclamo("A"))
                want["reclamado"] = True
            elif step == "confirm":
                version = it.house.device("A").deseada_version
                it.ingest._process([delivery(number), Confirmed(1, version)])
                want["n"], want["confirmada"] = number, version
            elif step == "lost":
                it.ingest.session_lost()
                it.ingest._process(it.ingest._take())
                want["confirmada"] = 0
            elif step == "fail":
                with pytest.raises(RuntimeError), it.house.db.unit_of_work() as uow:
                    it.ingest._apply(uow, it.ingest._decide([delivery(10_000 + number)]).reportes)
                    raise RuntimeError
                it.ingest._ventana.forget()
        found = it.house.device("A")
        assert (found.nombre, found.reclamado, found.deseada_confirmada) == (
            want["nombre"],
            want["reclamado"],
            want["confirmada"],
        )
        assert found.parametros == {"n": want["n"]}


def test_a_batch_after_a_batch_asks_for_nothing(tmp_path):
    """The point of remembering: between two commits of ours no device is read again."""
    with line(tmp_path, start=False) as it:
        it.ingest._process([delivery(1)])
        with it.house.statements() as statements:
            for n in range(2, 6):
                it.ingest._process([delivery(n)])
        assert len([s for s in statements if s.startswith("SELECT id,")]) == 1, "the first, after somebody else's unit"
