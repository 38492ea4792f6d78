"""What a customer's row says where there is nothing to say. Rows leave these values out and the views put them back
(views/filled.py): a row is written with every event and read now and then, so it stays small.
"""

from typing import Any

from services.engagement.rules.concerns import SEVERITIES
from services.engagement.rules.satisfaction import INSTRUMENTS

Json = dict[str, Any]

NO_VISITS: Json = {"total": 0, "by_kind": {}, "by_channel": {}}
NO_RELATIONSHIP: Json = {
    "persons_met_365d": 0,
    "departments_met_365d": [],
    "key_relationship": None,
    "kcr_cause": None,
    "deciders": 0,
    "deciders_met_90d": 0,
    "deciders_never_met": [],
    "executive_meetings_365d": 0,
    "executive_meetings_owed": 0,
    "company_tours_365d": 0,
    "assessment_due": False,
    "key_persons": [],
}
NO_ANSWERS: Json = {"last": None, **dict.fromkeys(INSTRUMENTS)}
NO_CONCERNS: Json = {
    "open": 0,
    "open_by_severity": dict.fromkeys(SEVERITIES, 0),
    "open_overdue": 0,
    "answered_in_time": 0,
    "overdue": 0,
    "reopened": 0,
    "loop_rate": None,
    "loop": {"judged": 0, "closed": 0},
    "list": [],
}


def said(shown: Json, nothing: Json) -> Json:
    """What of a section differs from saying nothing."""
    return {name: value for name, value in shown.items() if value != nothing[name]}
