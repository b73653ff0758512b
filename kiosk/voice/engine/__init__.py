"""The engine: a process of its own, in an environment of its own (`make voice`). Nothing else imports it."""
