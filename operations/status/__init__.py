"""How far each reader is, and the state of each service."""
