"""python -m services.tiering"""

from services.tiering.app import SERVICE, run
from shared.process import main
from shared.settings import Settings

main(SERVICE, Settings, run)
