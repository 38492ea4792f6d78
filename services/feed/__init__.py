"""The feed: each customer's timeline, movements between tiers, search, and the topic of changes."""
