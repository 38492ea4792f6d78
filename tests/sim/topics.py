"""Names of the topics and the one generation of everything in a simulated system."""

INBOX, LOG, REJECTED = "guanxi.inbox", "guanxi.log", "guanxi.rejected"
TIERS, CHANGES = "guanxi.tiers", "guanxi.changes"
GENERATION = 1
