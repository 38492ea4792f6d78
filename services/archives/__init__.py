"""Customer archives: how complete and fresh the profiles of customers are, how secret, and who was granted access."""
