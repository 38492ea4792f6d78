"""Queries over what archives keeps, each with the Python function that it must agree with."""
