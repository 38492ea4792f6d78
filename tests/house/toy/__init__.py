"""A service of the tests' own: it counts visits and welcomes a customer at every third one. All of it is in here."""
