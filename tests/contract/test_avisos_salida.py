"""A notice of a real house reaches a real receiver, signed; /salud and /metrics tell of the doors."""

from __future__ import annotations

import hashlib
import hmac
import socket

from tests.support.mqtt import own_topic
from tests.support.procesos import wait_until
from tests.support.receptor import Receiver


def test_a_rule_fires_and_the_webhook_hears(own_parts, mosquitto, serial):
    with Receiver.running() as receiver:
        house = own_parts.backend(
            mosquitto, MQTT_CLIENT_ID="casa-avisa", NOTIFY_WEBHOOK_URL=receiver.url, NOTIFY_WEBHOOK_SECRET="clave"
        )
        client = own_parts.client(house)
        client.publish(own_topic(serial), {"estado": "activo", "parametros": {"humo": False}})
        device = house.wait_device(serial)
        smoke = {"dispositivo_id": device["id"], "parametro": "humo", "operador": "==", "valor": True}
        notice = {"tipo": "aviso", "texto": "¡Humo!", "gravedad": "grave", "se_resuelve": True}
        house.http.post("/reglas", {"nombre": "Humo", "condicion": smoke, "acciones": [notice]})
        client.publish(own_topic(serial), {"estado": "activo", "parametros": {"humo": True}})
        wait_until(lambda: receiver.got, what="the notice")
        client.publish(own_topic(serial), {"estado": "activo", "parametros": {"humo": False}})
        wait_until(lambda: len(receiver.got) == 2, what="its end")
        assert [(b["aviso"]["texto"], b["aviso"]["estado"]) for b in receiver.bodies] == [
            ("¡Humo!", "nuevo"),
            ("¡Humo!", "resuelto"),
        ]
        assert receiver.bodies[1]["aviso"] == house.http.get("/avisos").json["data"][0]
        _, headers, body = receiver.got[0]
        t, _, signature = headers["X-IoT-Firma"].removeprefix("t=").partition(",v1=")
        assert signature == hmac.new(b"clave", f"{t}.".encode() + body, hashlib.sha256).hexdigest()
        wait_until(lambda: house.metric("iot_avisos_salida_total", destino="webhook_enviados") == 2)
        door = house.http.get("/salud").json["webhook"]
        assert (door["estado"], door["por_enviar"], door["detalle"]) == ("bien", 0, "2 avisos enviados")
        assert "clave" not in house.http.get("/salud").text
        house.stop()


def test_what_could_not_go_out_goes_out_after_a_restart(own_parts, mosquitto, serial):
    """The receiver is away, the house is killed; both come back."""
    with Receiver.running() as receiver:
        receiver.statuses = [503] * 50
        house = own_parts.backend(mosquitto, MQTT_CLIENT_ID="casa-reintenta", NOTIFY_WEBHOOK_URL=receiver.url)
        client = own_parts.client(house)
        client.publish(own_topic(serial), {"estado": "activo", "parametros": {"x": 1}})
        device = house.wait_device(serial)
        rule = {"dispositivo_id": device["id"], "estado": "activo"}
        notice = {"tipo": "aviso", "texto": "¡ya!"}
        house.http.post("/reglas", {"nombre": "r", "condicion": rule, "acciones": [notice]})
        wait_until(lambda: "respondió 503" in house.http.get("/salud").json["webhook"]["detalle"], what="a fault")
        assert house.http.get("/salud").json["estado"] == "degradado"
        house.kill()
        receiver.statuses = []
        before = len(receiver.got)
        house.start()
        wait_until(lambda: len(receiver.got) > before, what="the notice after the restart")
        assert receiver.texts[-1] == "¡ya!"
        house.stop()


def test_a_receiver_that_hangs_holds_nobody_up(own_parts, mosquitto, serial):
    """It takes the connection and says nothing: the house goes on, and ends in time when it is told to."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/"
        house = own_parts.backend(mosquitto, MQTT_CLIENT_ID="casa-cuelga", NOTIFY_WEBHOOK_URL=url)
        with own_parts.client(house) as client:
            client.publish("dispositivos/estado", {"serial_number": serial, "parametros": {"t": 50}})
        device = house.wait_device(serial)
        condicion = {"dispositivo_id": device["id"], "parametro": "t", "operador": ">", "valor": 40}
        notice = {"tipo": "aviso", "texto": "¡ya!"}
        house.http.post("/reglas", {"nombre": "r", "condicion": condicion, "acciones": [notice]})
        mute.settimeout(10)
        peer, _ = mute.accept()
        with peer:
            assert peer.recv(65536).startswith(b"POST / HTTP/1.1")
            assert house.http.get("/avisos").json["total"] == 1
            assert house.http.put(f"/dispositivos/{device['id']}", {"nombre": "n"}).status == 200
            house.stop()
