"""The views that readers of engagement see, as aggregation pipelines for MongoDB 6.0."""
