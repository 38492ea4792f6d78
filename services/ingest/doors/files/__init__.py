"""The file door: rows of tables, or events of NDJSON files, onto the inbox, with the true outcome of each."""
