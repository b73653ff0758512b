"""The MQTT connection that a kiosk and a worker make: what is particular to the library below it is here alone."""
