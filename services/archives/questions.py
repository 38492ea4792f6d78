"""The answers to people's questions about archives: what a customer's profiles have, and who was granted access."""

from typing import Any

from shared.mongo.questions import Questions

Document = dict[str, Any]


class ArchiveQuestions(Questions):
    """What the views say of archives."""

    async def profile(self, customer: str) -> Document | None:
        """A customer's profiles: how complete and fresh, what is missing; no text."""
        return await self.one("profiles", customer)

    async def grants(self, customer: str) -> list[Document]:
        """The grants of a customer that hold or have ended lately."""
        return await self.rows("grants", [{"$match": {"customer": customer}}, {"$sort": {"_id": 1}}])
