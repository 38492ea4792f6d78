"""Help: the keys, and what the signs of a page mean."""

from services.query.console.screen import Screen

SCREEN = Screen("help", "help", "Help", menu=False)
