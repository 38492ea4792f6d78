"""Import: a file is chosen, what would become of each row is shown, the mapping is corrected, and the file is sent."""

from services.query.console.asking import Asked, Json
from services.query.console.roles import IMPORT
from services.query.console.screen import Screen, Tile
from shared.keys import Scope
from shared.mongo.uploads import KEPT, MAX_UPLOAD_BYTES

PREVIEW, RUN = "import_preview", "import"
MOST_MB = MAX_UPLOAD_BYTES >> 20


_NOT_YET: Json = {
    **dict.fromkeys(("file", "problem", "guess", "mapping", "counts", "events")),
    **dict.fromkeys(("refusals", "skipped", "notes", "damaged", "warnings", "first"), ()),
    "kinds": 0,
}


def passes(job: Json) -> bool:
    """Whether what a preview shows can be imported."""
    found = job["result"] or {}
    tried = job["kind"] == PREVIEW and job["status"] == "done" and not found.get("problem")
    return bool(tried and found["counts"]["fit"])


async def _file(asked: Asked) -> Json:
    job = await asked.job()
    if job is None or job["kind"] not in {PREVIEW, RUN}:
        return {"empty": "no_job"}
    open_ = job["status"] in {"queued", "running"}
    found = {**_NOT_YET, **(job["result"] or {})}
    text = found["mapping"] or job["parameters"].get("mapping") or ""
    said = {"job": job, "found": found, "again": open_, "passes": passes(job)}
    return {**said, "is_preview": job["kind"] == PREVIEW, "text": text, "wrong": []}


def form_head() -> Json:
    """What the form for a file needs."""
    return {"most_mb": MOST_MB, "most_bytes": MAX_UPLOAD_BYTES, "hours": KEPT.days * 24, "wrong": [], "typed": None}


async def _head(_: Asked) -> Json:
    return form_head()


SCREEN = Screen(
    "import",
    "import",
    "Import",
    (Tile("file", "The file", _file),),
    scope=Scope.EVENTS_WRITE,
    act=IMPORT,
    now_only="A file is tried and imported as of now.",
    head=_head,
    says={"changed": "The mapping was changed since it was tried: this is what it does now. Nothing was sent."},
)
