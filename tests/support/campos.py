"""The fields of a device as clients read them (WIRE §3): the ten of old, in their order, and our additions."""

TEN = [
    "id",
    "serial_number",
    "nombre",
    "tipo",
    "modelo",
    "descripcion",
    "estado",
    "parametros",
    "configuracion",
    "reclamado",
]
OURS = ["version", "creado_en", "actualizado_en", "visto_en", "deriva", "tiempos", "conectividad", "habitacion_id"]
