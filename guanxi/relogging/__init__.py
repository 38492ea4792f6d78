"""The log copied in order into its next generation, with more partitions, and everything folded from it anew."""
