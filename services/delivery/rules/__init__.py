"""The rules of delivery: when what is sent, tried again, parked, or given up."""
