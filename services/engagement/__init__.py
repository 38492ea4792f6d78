"""Contact, coverage, relationship, satisfaction, concerns and goals of customers and representatives."""
