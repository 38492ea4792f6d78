"""Whether a representative's id is registered, so that commands report a typo as one."""

from services.engagement.questions import EngagementQuestions
from shared.errors import Malformed


async def must_be_known(questions: EngagementQuestions, representative: str) -> None:
    """Raise Malformed if no representative was ever registered under this id; the message suggests similar ids."""
    like = await questions.like_unknown(representative)
    if like is not None:
        meant = f"; did you mean {' or '.join(f'{one} ({name})' for one, name in like.items())}?" if like else ""
        raise Malformed(f"unknown representative: {representative} was never registered{meant}")
