"""What readers see of a customer's archives: no text, but what is there, what is missing, what is late; and the ids of
texts, by which the door to them finds them. Pure.
"""

from decimal import Decimal
from typing import Any

from services.archives.rules import grades
from services.archives.rules.customer import Customer, as_of_clock
from services.archives.rules.grants import Grant, Ref
from services.archives.rules.items import Item, text_on, without
from services.archives.rules.profiles import OWN, Key, Profile, Standing
from services.archives.rules.templates import VENDORS_OWED, Templates
from shared.events.types import GRADES
from shared.facts.days import NEVER, iso, iso_or_none

Json = dict[str, Any]


def row(customer: Customer, templates: Templates) -> Json:
    """The public fields of a customer's document. `due_on` is the least of its profiles'; `owned_by` both owners."""
    standings = as_of_clock(customer, templates)
    due = [standing.due_on for standing in standings.values() if standing.due_on is not None]
    vendors = len(standings) - (OWN in standings)
    owed = VENDORS_OWED.get(customer.tier, 0)
    public: Json = {
        "tier": customer.tier,
        "due_on": iso_or_none(min(due, default=None)),
        "lapsed": sum(standing.lapsed for standing in standings.values()),
        "vendors": {"owed": owed, "there": vendors, "missing": max(0, owed - vendors)},
        "profiles": [_profile(customer, key, standing, templates) for key, standing in standings.items()],
    }
    if customer.clock is not None:
        public["as_of"] = customer.clock.replace(microsecond=customer.clock.microsecond // 1000 * 1000)
    if customer.owned_by:
        public["owned_by"] = customer.owned_by
    if customer.grants:
        public["grants"] = [_grant(ref, one, customer.today) for ref, one in sorted(customer.grants.items())]
    return public


def _profile(customer: Customer, key: Key, standing: Standing, templates: Templates) -> Json:
    profile = customer.profiles.get(key) or Profile()
    today = customer.today
    held = profile.grades.on(today)
    named = profile.named.value("template", today)
    known = {one.id for one in templates[key.kind]}
    required = standing.required
    return {
        "profile": key.kind,
        "vendor_id": key.vendor_id or None,
        "template": standing.template.id,
        "completeness": _percent(standing.completeness),
        "freshness": _percent(standing.freshness),
        "status": None if not required else "lapsed" if standing.lapsed else "current",
        "due_on": iso_or_none(standing.due_on),
        "required": len(required),
        "filled": standing.filled,
        "late": standing.late,
        "items": [
            _item(name, standing.template.by_name[name].section, item, today) for name, item in standing.items.items()
        ],
        "texts": _texts(customer, profile),
        "grade": grades.at_work(profile.grades, customer.steps, today),
        "grade_set": None if held is None else GRADES[held[0]],
        "grade_until": None if held is None or held[1] == NEVER else iso(held[1]),
        "flags": {
            "unknown_template": named if named is not None and named not in known else None,
            "unknown_items": list(standing.unknown),
        },
    }


def _texts(customer: Customer, profile: Profile) -> Json:
    entries = {name: without(one, customer.erased) for name, one in profile.items.items()}
    found = {name: text_on(one, customer.today) for name, one in entries.items()}
    return {name: text_id for name, text_id in sorted(found.items()) if text_id}


def _item(name: str, section: str, item: Item, today: int) -> Json:
    state = "none_known" if item.filled and item.none_known else "filled" if item.filled else "missing"
    return {
        "item": name,
        "section": section,
        "required": item.required,
        "state": state,
        "fresh_from": iso(item.fresh_from) if item.filled else None,
        "due_on": iso_or_none(item.due_on),
        "late": item.late(today),
    }


def _grant(ref: Ref, grant: Grant, today: int) -> Json:
    if grant.ended(today):
        status = "revoked" if grant.revoked else "ended"
    else:
        status = "holds" if grant.holds(today) else "waits"
    return {
        "source": ref[0],
        "grant_id": ref[1],
        "grantee": grant.grantee,
        "max_grade": GRADES[grant.max_grade],
        "approved_by": grant.approved_by,
        "from_on": iso(grant.from_on),
        "expires_on": iso(grant.expires_on),
        "status": status,
    }


def _percent(share: Decimal | None) -> str | None:
    return None if share is None else str(share)
