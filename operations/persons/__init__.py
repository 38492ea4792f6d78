"""Erasing persons: what of one is where, the register of erasures, and applying it again after a restore."""
