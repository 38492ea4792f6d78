"""How far each reader has come, and what each service says of itself."""
