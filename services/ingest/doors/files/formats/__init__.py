"""Real-world files: what a file is, its text or sheets, its header and rows."""
