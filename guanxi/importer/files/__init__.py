"""Files as people have them: what a file is, its text or its sheets, its header and its rows."""
