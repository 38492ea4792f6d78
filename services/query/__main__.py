"""python -m services.query"""

from services.query.app import SERVICE, run
from services.query.settings import QuerySettings
from shared.process import main

main(SERVICE, QuerySettings, run)
