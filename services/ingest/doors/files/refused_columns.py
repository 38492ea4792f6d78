"""The columns that a file of refused rows has after those of the rows."""

REASONS = ("refused_reason", "refused_field", "refused_hint", "refused_file", "refused_line", "refused_text")
