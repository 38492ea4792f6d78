"""python -m tests.house.toy"""

from shared.events import registry
from shared.process import main
from tests.house.toy.events import WELCOMED, Welcomed
from tests.house.toy.service import SERVICE

registry.DECISIONS[WELCOMED] = registry.MODELS[WELCOMED] = Welcomed
registry.NAMES[Welcomed] = WELCOMED
main(SERVICE)
