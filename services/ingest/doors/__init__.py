"""The ways in: HTTP, files, and Kafka records from upstreams. All write to the inbox."""
