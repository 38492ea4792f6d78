"""python -m services.ingest"""

from services.ingest.app import SERVICE, run
from services.ingest.settings import IngestSettings
from shared.process import main

main(SERVICE, IngestSettings, run)
