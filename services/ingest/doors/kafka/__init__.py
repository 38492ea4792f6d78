"""Records on the inbox, as Kafka clients write them: CloudEvents in binary or structured mode."""
