"""The language of guanxi's log: envelope, facts, decisions, and their codec."""
