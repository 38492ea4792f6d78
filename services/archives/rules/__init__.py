"""The rules of archives, pure: one idea a file."""
