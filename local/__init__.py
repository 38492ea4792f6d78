"""The stack without Docker, and the demo. Never in an image."""
