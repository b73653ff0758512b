"""The kiosk as customers meet it: a real agent and a real page, before a camera whose pictures the bench chooses."""
