"""Whether anybody was registered under an id, for commands that would else say "nobody" of a slip of the pen."""

from services.engagement.questions import EngagementQuestions
from shared.errors import Malformed


async def must_be_known(questions: EngagementQuestions, representative: str) -> None:
    """Raises Malformed where nobody was ever registered under this id, with the ids that it is like."""
    like = await questions.like_unknown(representative)
    if like is not None:
        meant = f"; is {' or '.join(f'{one} ({name})' for one, name in like.items())} meant?" if like else ""
        raise Malformed(f"unknown representative: nobody was registered as {representative}{meant}")
