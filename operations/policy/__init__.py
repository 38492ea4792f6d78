"""The work behind `guanxi policy`: read files, compare versions, adopt, decide again over the log."""
