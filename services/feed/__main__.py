"""python -m services.feed"""

from services.feed.service import SERVICE
from shared.process import main

main(SERVICE)
