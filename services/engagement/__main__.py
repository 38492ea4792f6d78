"""python -m services.engagement"""

from services.engagement.service import SERVICE
from shared.process import main

main(SERVICE)
