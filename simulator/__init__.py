"""Simulated house: devices that speak MQTT and HTTP like real ones. Imports nothing of ``app``."""
