"""The services: ingest, tiering, engagement."""
