"""python -m services.planning"""

from services.planning.service import SERVICE
from shared.process import main

main(SERVICE)
