"""python -m services.tiering"""

from services.tiering.service import SERVICE
from shared.process import main

main(SERVICE)
