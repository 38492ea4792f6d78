"""python -m services.delivery"""

from services.delivery.service import SERVICE
from shared.process import main

main(SERVICE)
