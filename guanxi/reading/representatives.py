"""Whether a representative's id is registered, so that commands report a typo as one."""

from typing import Protocol

from shared.errors import Malformed


class Registered(Protocol):
    """Who knows which representatives there are."""

    async def like_unknown(self, representative: str) -> dict[str, str] | None:
        """Of an id that was never registered those like it; None of a known one."""


async def must_be_known(answers: Registered, representative: str) -> None:
    """Raise Malformed if no representative was ever registered under this id; the message suggests similar ids."""
    like = await answers.like_unknown(representative)
    if like is not None:
        meant = f"; did you mean {' or '.join(f'{one} ({name})' for one, name in like.items())}?" if like else ""
        raise Malformed(f"unknown representative: {representative} was never registered{meant}")
