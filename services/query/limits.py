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
MAX_STREAMS = 1_000
"""Followers of changes of one process, polls among them: each holds a connection and some 40 KiB."""
MAX_STREAMS_PER_KEY = 100
STREAM_CONNECTIONS = 2_000
"""Connections of the port: twice the streams, so that whoever follows shuts nobody else out."""
STREAM_CONNECTIONS_PER_ADDRESS = 1_500
"""Of those, from one address: a proxy in front of everybody has one."""
MAX_CATCHING_UP = 20
"""Followers of one process that read what lies further back from Kafka at a time, each with a consumer; others wait."""
CATCH_UP_SECONDS = 120.0
"""How long one of them may take: 100,000 changes need a few seconds, and a slow reader must not keep the place."""
MAX_BEHIND = 100_000
"""Changes: who is further behind reads everything again, which is less."""
TAIL_CHANGES = 10_000
"""The latest changes, in memory for all followers: 20 seconds at 500 a second. Who falls behind them is closed."""
TAIL_BYTES = 16 * 1024 * 1024
"""Of those changes."""
STEP_CHANGES = 500
"""Read from Kafka, or looked through for a follower, at a time."""
CHUNK_BYTES = 32 * 1024
"""Sent to a follower at a time. With the 64 KiB that a connection buffers, it is all that a slow reader holds."""
MAX_PAGE_SCANNED = 10_000
"""Changes that one poll looks through for those that its filters let pass."""
HEARTBEAT_SECONDS = 15.0
"""Between two signs of life of a stream; proxies close what is silent for 30 to 60 s. The key is checked again, too."""
OWNERS_SECONDS = 1.0
"""How old may be whose a customer is when a change is sent: a handover takes a second to be heeded."""
MAX_OWNERS = 20_000
"""Customers whose owners are remembered for that long."""
