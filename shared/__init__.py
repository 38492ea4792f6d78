"""What the services have in common: events, topics, the log processor, and the set-up of Kafka and MongoDB."""
