"""The MQTT connection of kiosks and workers. All that depends on the library aiomqtt is here."""
