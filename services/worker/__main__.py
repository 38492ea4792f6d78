"""python -m services.worker"""

from services.worker.service import SERVICE
from shared.process import main

main(SERVICE)
