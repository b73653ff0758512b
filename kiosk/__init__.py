"""The device at the counter: its side of the wire, and what a customer sees. Imports `contracts` and `mqtt` only."""
