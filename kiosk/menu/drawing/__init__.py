"""Draws the menu's pictures and the page's scenes: `python -m kiosk.menu.drawing` writes every SVG file again."""
