"""Which photos may not teach: duplicates, invalid boxes, contradicted labels, leakage."""
