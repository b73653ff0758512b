"""What an operator decides, and what follows from it, without the CDK: nunchi.toml, opening hours, holidays, the
retraining calendar, names of stacks, outputs and documents."""
