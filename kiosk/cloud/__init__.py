"""The device's side of the wire: S3 credentials, uploads, labels over MQTT. Imports `contracts` and `mqtt` only."""
