"""python -m services.engagement"""

from services.engagement.app import SERVICE, run
from shared.process import main
from shared.settings import Settings

main(SERVICE, Settings, run)
