"""What several services fold alike: which fact holds, who owns a customer, goals, business days. Pure."""
