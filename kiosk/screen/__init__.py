"""The page on the screen and the agent's HTTP for it, on the loopback interface only."""
