"""Inbox records, as Kafka clients write them: CloudEvents in binary or structured mode."""
