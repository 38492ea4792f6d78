"""python -m services.archives"""

from services.archives.service import SERVICE
from shared.process import main

main(SERVICE)
