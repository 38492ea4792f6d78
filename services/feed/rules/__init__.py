"""What the feed knows of a customer, one idea a file; read in this order: table, terms, state, lines, evolve."""
