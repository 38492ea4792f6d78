"""Refused records: published with the reason, read back, fixed and replayed."""
