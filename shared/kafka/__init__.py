"""FastStream and aiokafka: set-up and their traps, in one place."""
