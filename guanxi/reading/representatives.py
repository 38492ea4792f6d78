"""Whether a representative's id is registered, so that commands report a typo as one."""

from difflib import get_close_matches

from guanxi.reading.views import MAX_SUGGESTIONS, Views
from shared.errors import Malformed


async def must_be_known(views: Views, representative: str) -> None:
    """Raise Malformed if no representative was ever registered under this id; the message suggests similar ids."""
    if await views.has_weeks(representative):
        return
    names = await views.names_of_representatives()
    if representative in names:
        return
    close = get_close_matches(representative, names, n=MAX_SUGGESTIONS)
    meant = f"; did you mean {' or '.join(f'{one} ({names[one]})' for one in close)}?" if close else ""
    raise Malformed(f"unknown representative: {representative} was never registered{meant}")
