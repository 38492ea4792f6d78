"""What operators run: rebuild, relog, backup, verify, doctor. Progress is a parameter."""
