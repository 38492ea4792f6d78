"""The read API: what may be asked is declared in resources.py; the rest of this folder answers it."""
