"""The review of a recipe that teaches heads: Label Studio's interface, tasks and answers, made from the recipe."""
