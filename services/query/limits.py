"""The limits of the API, each with its reason."""

MAX_SIZE = 500
"""Rows of one page: a page of customers is then under 1 MiB."""
DEFAULT_SIZE = 50
MAX_IDS = 100
"""Ids that one request may name: each is a look-up, and the head of a request has 16 KiB."""
MAX_TEXT_CHARS = 100
"""Of a text that is looked for."""
MAX_LINES = 50
"""Lines of the timeline shown with a customer, the latest; all of them are in timeline."""
MAX_PARENTS = 2_000
"""Ids that one page looks through for rows: a page may end before it is full, never before it says where to go on."""
MAX_OWNED = 20_000
"""Customers of a key whose rows are not all: their ids go into each query."""
MAX_HISTORY = 100
"""Decisions shown with a customer, the latest; all of them are in tier-history."""
MAX_QUERY_MS = 5_000
"""Of one query to MongoDB; a week of 1,000 representatives takes 2.7 s."""
MAX_WAIT_SECONDS = 30
MAX_WAITERS = 200
"""Requests of one process that wait for a position."""
POLL_SECONDS = 0.05
"""How often positions are looked at while somebody waits."""
STANDING_SECONDS = 0.05
"""How old the positions may be that an answer without a wait goes by. Older ones say less, never too much."""
MAX_IN_FLIGHT = 64
MAX_IN_FLIGHT_PER_KEY = 16
"""As at the HTTP door."""
UNITS_PER_SECOND = 200.0
"""Of cost, per key: a customer costs 1, a page of 50 rows 2, a board 20."""
BURST_SECONDS = 10.0
POOL_SIZE = 16
"""Connections to MongoDB of one process: as many as one key may ask at once."""
MAX_DOWNLOADS = 32
"""Results being sent by one process at once: each holds a piece of 1 MiB."""
MAX_DOWNLOADS_PER_KEY = 4
