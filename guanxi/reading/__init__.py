"""Reading the views for people: what `guanxi explain`, `status`, `customer` and `week` and the demo show."""
