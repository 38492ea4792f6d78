"""python -m services.query"""

from services.query.service import SERVICE
from shared.process import main

main(SERVICE)
