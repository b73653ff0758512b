"""The device side, as a library: uploads photos, hears their labels. Imports `contracts` and `mqtt` only."""
