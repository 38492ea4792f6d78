"""One module per command; each offers `app` (a group) or `register(app)` (plain commands)."""
