"""What people's questions have in common: they read views, as MongoDB has them."""

from shared.mongo import Database, Document, transient_errors


class Questions:
    """Questions to one database. All methods raise Transient if MongoDB does not answer."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def one(self, view: str, name: str) -> Document | None:
        """The document of a view with this id."""
        async with transient_errors():
            return await self.database[view].find_one({"_id": name})

    async def rows(self, view: str, pipeline: list[Document]) -> list[Document]:
        """The documents that a pipeline over a view gives."""
        async with transient_errors():
            return [document async for document in self.database[view].aggregate(pipeline, allowDiskUse=True)]
