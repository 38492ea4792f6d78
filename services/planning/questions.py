"""The answers to people's questions about planning: a customer's plans, steps, services."""

from typing import Any

from shared.mongo.questions import Questions

Document = dict[str, Any]


class PlanningQuestions(Questions):
    """What the views say of planning."""

    async def plans(self, customer: str) -> Document | None:
        """Whether a plan is owed, and a customer's plans without their steps; None where there is neither."""
        return await self.one("plans", customer)

    async def steps(self, customer: str) -> list[Document]:
        """The steps of a customer's plans, by plan, then due day."""
        order = {"plan_id": 1, "source": 1, "due_on": 1, "_id": 1}
        return await self.rows("plan_steps", [{"$match": {"customer": customer}}, {"$sort": order}])

    async def service_use(self, customer: str) -> Document | None:
        """The services that a customer used and may use; None where there are neither."""
        return await self.one("service_use", customer)
