"""Making what is missing: topics, users, rights, collections, indexes, views; the first policy. Safe to repeat."""
