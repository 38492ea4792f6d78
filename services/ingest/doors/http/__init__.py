"""The HTTP door: events in, one answer per event."""
