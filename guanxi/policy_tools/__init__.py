"""The work behind `guanxi policy`: reading files, comparing versions, adopting, deciding again over the log."""
