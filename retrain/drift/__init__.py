"""Whether the model's own labels have moved since it learned."""
