"""The read side over HTTP: the API. It reads views and positions and keeps nothing of its own."""
