"""Kafka, MongoDB and the services as processes of this machine, for demo, tests and `guanxi up`.

`backing.backing()` starts the two servers, `services.Services` the services on top of them, and
`running.run()` ends all of it on a signal. Everything runs under a guard (guard.py), so that nothing outlives
whoever started it.
"""
