"""What several services read from a policy file."""
