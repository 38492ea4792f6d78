"""Long jobs: exports, verifications, simulations. operations/jobs does them; shared/mongo/jobs.py is the queue."""
