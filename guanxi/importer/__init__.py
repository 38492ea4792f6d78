"""The file door: rows of CSV files, or events of NDJSON files, onto the inbox, and the true outcome of
each.
"""
