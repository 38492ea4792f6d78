"""The views that readers of tiering see: each pipeline, and the Python function that it must agree with."""
