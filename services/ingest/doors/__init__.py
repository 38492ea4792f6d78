"""The ways in: HTTP, files, and Kafka records as upstreams send them. All write the inbox."""
