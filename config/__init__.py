"""The operator's settings and what follows from them, without the CDK: nunchi.toml, opening hours, the retraining
calendar, names of stacks and outputs, SSM documents."""
