"""python -m services.ingest"""

from services.ingest.service import SERVICE
from shared.process import main

main(SERVICE)
