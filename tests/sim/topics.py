"""Names of the topics and the one generation of everything in a simulated system."""

INBOX, LOG, REJECTED, TIERS = "guanxi.inbox", "guanxi.log", "guanxi.rejected", "guanxi.tiers"
GENERATION = 1
