"""python -m services.feed"""

from services.feed.app import SERVICE, run
from shared.process import main
from shared.settings import Settings

main(SERVICE, Settings, run)
