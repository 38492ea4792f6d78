"""Whether anybody was registered under an id, for commands that would else say "nobody" of a slip of the pen."""

from difflib import get_close_matches

from guanxi.reading.views import MAX_SUGGESTIONS, Views
from shared.errors import Malformed


async def must_be_known(views: Views, representative: str) -> None:
    """Raises Malformed where nobody was ever registered under this id, with the ids that it is like."""
    if await views.has_weeks(representative):
        return
    names = await views.names_of_representatives()
    if representative in names:
        return
    close = get_close_matches(representative, names, n=MAX_SUGGESTIONS)
    meant = f"; is {' or '.join(f'{one} ({names[one]})' for one in close)} meant?" if close else ""
    raise Malformed(f"unknown representative: nobody was registered as {representative}{meant}")
