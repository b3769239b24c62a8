"""Any sequence of HTTP and MQTT writes over a real database file, held against a simple model written from WIRE §3."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from app import dispositivos
from app.domain.errors import DispositivoNotDetected, DispositivoYaReclamado, SerialDuplicado, VersionConflict
from app.domain.events import device_updates
from app.domain.filtro import FiltroLista, FiltroStream
from app.domain.peticiones import Alta, Cambios, Reclamo
from tests.support.nucleo import House, fast_folder

GRACE = 10
SERIALS = ("A", "B", "C")
SPELL = {True: ["activo", "on", "true", "1", True, 1], False: ["inactivo", "OFF", "false", "0", False, 0]}

serials = st.sampled_from(SERIALS)
spelled = st.sampled_from(SPELL[True] + SPELL[False])
configs = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "modo": st.sampled_from(["manual", "HORARIO", "otro"]),
        "encendido": spelled,
        "intervalo_envio": st.integers(1, 9),
    },
)
estados = st.none() | st.sampled_from(["activo", "inactivo"])


def meaning(value):
    """The boolean behind a spelling."""
    return str(value).strip().lower() in ("activo", "on", "true", "1")


class Twin:
    """The model: what a device should be."""

    def __init__(self):
        self.estado, self.config, self.params = "desconocido", {}, {}
        self.reported = None
        self.wishes = {}  # property -> (value, when, number of the order)
        self.orders = 0
        self.version, self.logs, self.reclamado = 0, 0, False

    def decide(self, config, wish, estado):
        """The mode rules."""
        modo = str(config.get("modo", "")).lower()
        order = (wish, estado) if modo == "manual" else (estado, wish)
        return next((x for x in order if x is not None), None)

    def ask(self, before, on, now):
        """An order for what changed, and for a switch that is not as its last word says."""
        absent = object()
        new = {k: v for k, v in self.config.items() if k != "encendido" and before.get(k, absent) != v}
        word = None if self.reported is None else self.reported == "activo"
        if on is not None and (on is not word or before.get("encendido") is not on):
            new["encendido"] = on
        self.orders += 1
        self.wishes.update({k: (v, now, self.orders) for k, v in new.items()})

    def judge(self, said, config, now):
        """What stays asked after a report; no broker here, so nothing is ever known to be sent."""
        before = None if self.reported is None else self.reported == "activo"
        for order in {n for _, _, n in self.wishes.values()}:
            mine = {k: w for k, w in self.wishes.items() if w[2] == order}
            told = {k: said if k == "encendido" else (config or {}).get(k) for k in mine}
            against = {k for k, t in told.items() if t is not None and t != mine[k][0]}
            proven = said is not None and "encendido" in mine and "encendido" not in against and before is not None
            proven = proven and before is not said
            late = any(now - mine[k][1] >= GRACE for k in against)
            if late or (proven and (not against)):
                for k in mine:
                    del self.wishes[k]
            elif proven:
                del self.wishes["encendido"]
        return {k: w[0] for k, w in self.wishes.items()}

    def settle(self, config, on):
        if on is not None:
            self.estado = "activo" if on else "inactivo"
        self.config = dict(config)
        if on is not None or self.estado != "desconocido" or "encendido" in config:
            self.config["encendido"] = self.estado == "activo"


class House2Doors(RuleBasedStateMachine):
    @initialize()
    def build(self):
        self.folder = fast_folder()
        self.house = House(Path(self.folder.name))
        self.twins: dict[str, Twin] = {}
        self.now = 0.0
        self.events = 0

    def teardown(self):
        if hasattr(self, "house"):
            self.house.close()
            self.folder.cleanup()

    @rule(seconds=st.sampled_from([0.5, 4, 11]))
    def time_passes(self, seconds):
        self.house.clock.advance(seconds)
        self.now += seconds

    @rule(batch=st.lists(st.tuples(serials, st.none() | spelled, configs, st.booleans()), min_size=1, max_size=4))
    def mqtt(self, batch):
        bodies = []
        for serial, estado, config, params in batch:
            body = {"serial_number": serial}
            if estado is not None:
                body["estado"] = estado
            if config is not None:
                body["configuracion"] = config
            if params:
                body["parametros"] = {"t": self.events + len(bodies)}
            bodies.append(body)
            self._heard(self.twins.setdefault(serial, Twin()), body)
        self.house.report(*bodies, grace=GRACE)
        self.events += len(bodies)

    def _heard(self, twin, body):
        twin.version, twin.logs = twin.version + 1, twin.logs + 1
        twin.params = body.get("parametros") or twin.params
        config = body.get("configuracion") or None
        estado = meaning(body["estado"]) if "estado" in body else None
        inside = meaning(config["encendido"]) if config and "encendido" in config else None
        said = estado if estado is not None else inside
        word = None if said is None else ("activo" if said else "inactivo")
        held = twin.judge(said, config, self.now)
        twin.reported = word or twin.reported
        if config is None:
            twin.settle(twin.config, held.get("encendido", estado))
        else:
            merged = {**config, **held}
            twin.settle(merged, held.get("encendido", twin.decide(merged, inside, estado)))

    @rule(
        serial=serials,
        config=configs,
        top=st.none() | st.booleans(),
        estado=estados,
        match=st.sampled_from(["none", "good", "bad"]),
    )
    def put(self, serial, config, top, estado, match):
        twin = self.twins.get(serial)
        if twin is None:
            return
        device = self.house.device(serial)
        if_match = {"none": None, "good": device.version, "bad": device.version - 1}[match]
        cambios = Cambios(configuracion=config, encendido=top, estado=estado)
        try:
            with self.house.db.unit_of_work() as uow:
                dispositivos.actualizar(uow, device.id, cambios, if_match=if_match)
        except VersionConflict as error:
            assert match == "bad"
            assert error.actual == twin.version  # noqa: PT017 - whether it is raised is what is looked at
            return
        assert match != "bad"
        self.events += 1
        sent = config or {}
        wish = top if top is not None else (meaning(sent["encendido"]) if "encendido" in sent else None)
        asked_over = twin.config
        merged = {**twin.config, **sent}
        before = twin.estado
        on = twin.decide(merged, wish, None if estado is None else estado == "activo")
        twin.settle(merged, on)
        twin.version += 1
        twin.logs += twin.estado != before
        twin.ask(asked_over, on, self.now)

    @rule(serial=serials, config=configs)
    def claim(self, serial, config):
        twin = self.twins.get(serial)
        try:
            with self.house.db.unit_of_work() as uow:
                dispositivos.reclamar(uow, Reclamo(serial, nombre="Mío", configuracion=config))
        except DispositivoNotDetected:
            assert twin is None
            return
        except DispositivoYaReclamado:
            assert twin.reclamado
            return
        assert not twin.reclamado
        self.events += 1
        twin.reclamado = True
        sent = config or {}
        asked_over = twin.config
        merged = {**twin.config, **sent}
        before = twin.estado
        on = twin.decide(merged, meaning(sent["encendido"]) if "encendido" in sent else None, None)
        twin.settle(merged, on)
        twin.version += 1
        twin.logs += twin.estado != before
        twin.ask(asked_over, on, self.now)

    @rule(serial=serials, config=configs, estado=estados)
    def add(self, serial, config, estado):
        try:
            with self.house.db.unit_of_work() as uow:
                dispositivos.agregar(uow, Alta(serial, configuracion=config, estado=estado))
        except SerialDuplicado:
            assert serial in self.twins
            return
        assert serial not in self.twins
        self.events += 1
        self.house.clock.advance(0.001)
        self.now += 0.001
        twin = self.twins[serial] = Twin()
        sent = config or {}
        wish = meaning(sent["encendido"]) if "encendido" in sent else None
        on = twin.decide(sent, wish, None if estado is None else estado == "activo")
        twin.settle(sent, on)
        if twin.config:
            twin.ask({}, on, self.now)
        twin.version = twin.logs = 1

    @invariant()
    def database_events_and_model_agree(self):
        if not hasattr(self, "house"):
            return
        with self.house.db.reader() as conn:
            devices = {d.serial_number: d for d in dispositivos.listar(conn, FiltroLista())}
            upto, _ = dispositivos.snapshot(conn, FiltroStream())
            logs = dict(conn.exec_driver_sql("SELECT dispositivo_id, count(*) FROM estado_log GROUP BY 1").fetchall())
        assert devices.keys() == self.twins.keys()
        assert [e.secuencia for e in self.house.events] == list(range(1, len(self.house.events) + 1))
        assert upto == len(self.house.events)
        updates = device_updates(self.house.events)
        assert len(updates) == self.events
        last = {e.dispositivo.serial_number: e.dispositivo for e in updates}
        for serial, twin in self.twins.items():
            device = devices[serial]
            assert last[serial] == device, "the last event is the row"
            assert (device.estado == "activo") is (device.configuracion.get("encendido") is True)
            assert (device.estado, device.configuracion, device.parametros, device.version, device.reclamado) == (
                twin.estado, twin.config, twin.params, twin.version, twin.reclamado,
            )  # fmt: skip
            assert logs[device.id] == twin.logs

    @invariant()
    def every_version_ever_published_keeps_the_invariant(self):
        for event in device_updates(self.house.events)[-4:] if hasattr(self, "house") else ():
            d = event.dispositivo
            assert (d.estado == "activo") is (json.loads(d.configuracion_json).get("encendido") is True)


House2Doors.TestCase.settings = settings(max_examples=80, stateful_step_count=25, deadline=None)
TestInvariante = House2Doors.TestCase
