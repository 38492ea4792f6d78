"""The queries over the feed's rows."""
