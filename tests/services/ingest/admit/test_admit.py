"""An event by itself: what the doors refuse, with which reason and field, and what they make of the rest."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.ingest.admit import refuse_key
from services.ingest.admit.content import MAX_NAMED
from shared.events.codec import dump_fact
from shared.events.refusal import Reason, Refused
from shared.events.registry import FACTS
from tests.events.wire import DATA, LEAVE_OUT, event
from tests.services.ingest.judging import NOW, candidate, judged

LONG = "x" * 10_000


def purchase(**data: Any) -> dict[str, Any]:
    return event("purchase.recorded", data)


ENVELOPE = [
    ({"specversion": "0.3"}, Reason.NOT_CLOUDEVENT, "specversion"),
    ({"specversion": LEAVE_OUT}, Reason.NOT_CLOUDEVENT, "specversion"),
    ({"type": "guanxi.purchase.recorded.v2"}, Reason.UNKNOWN_TYPE, "type"),
    ({"type": 7}, Reason.UNKNOWN_TYPE, "type"),
    ({"type": LEAVE_OUT}, Reason.MISSING_FIELD, "type"),
    ({"type": "guanxi.tier.changed.v1"}, Reason.INTERNAL_TYPE, "type"),
    ({"id": ""}, Reason.INVALID_ID, "id"),
    ({"id": LONG}, Reason.INVALID_ID, "id"),
    ({"id": "a\nb"}, Reason.INVALID_ID, "id"),
    ({"id": " a"}, Reason.INVALID_ID, "id"),
    ({"id": "a\u200bb"}, Reason.INVALID_ID, "id"),
    ({"id": 7}, Reason.INVALID_ID, "id"),
    ({"id": None}, Reason.MISSING_FIELD, "id"),
    ({"id": LEAVE_OUT}, Reason.MISSING_FIELD, "id"),
    ({"source": ""}, Reason.INVALID_ID, "source"),
    ({"source": LEAVE_OUT}, Reason.MISSING_FIELD, "source"),
    ({"subject": "\x07"}, Reason.INVALID_ID, "subject"),
    ({"subject": ["00042"]}, Reason.INVALID_ID, "subject"),
    ({"subject": LEAVE_OUT}, Reason.MISSING_FIELD, "subject"),
    ({"time": LEAVE_OUT}, Reason.MISSING_FIELD, "time"),
    ({"time": "2026-03-01T12:00:00"}, Reason.NAIVE_TIME, "time"),
    ({"time": "2026-03-01"}, Reason.INVALID_TIME, "time"),
    ({"time": "20260301T120000Z"}, Reason.INVALID_TIME, "time"),
    ({"time": "2026-02-30T12:00:00Z"}, Reason.INVALID_TIME, "time"),
    ({"time": "2026-03-01T24:00:00Z"}, Reason.INVALID_TIME, "time"),
    ({"time": "2026-03-01T12:00:00+25:00"}, Reason.INVALID_TIME, "time"),
    ({"time": "0001-01-01T00:00:00+23:59"}, Reason.INVALID_TIME, "time"),
    ({"time": "２０２６-03-01T12:00:00Z"}, Reason.INVALID_TIME, "time"),
    ({"time": 1_772_000_000}, Reason.INVALID_TIME, "time"),
    ({"time": "2024-01-01T00:00:00Z"}, Reason.TOO_OLD, "time"),
    ({"time": "2026-03-01T12:06:00+08:00"}, Reason.IN_FUTURE, "time"),
    ({"revision": 0}, Reason.INVALID_FIELD, "revision"),
    ({"revision": 2**53}, Reason.INVALID_FIELD, "revision"),
    ({"revision": True}, Reason.INVALID_FIELD, "revision"),
    ({"revision": "2"}, Reason.INVALID_FIELD, "revision"),
    ({"data": LEAVE_OUT}, Reason.MISSING_FIELD, "data"),
    ({"data": None}, Reason.MISSING_FIELD, "data"),
    ({"datacontenttype": "application/xml"}, Reason.UNSUPPORTED_MEDIA_TYPE, "datacontenttype"),
    ({"datacontenttype": 1}, Reason.UNSUPPORTED_MEDIA_TYPE, "datacontenttype"),
]


@pytest.mark.parametrize(("attributes", "reason", "field"), ENVELOPE)
def test_a_bad_envelope_is_refused(attributes: dict[str, Any], reason: Reason, field: str) -> None:
    expect_refusal(
        judged({**event(), **attributes} if LEAVE_OUT not in attributes.values() else event(**attributes)),
        reason,
        field,
    )


PART = {"payment_id": "p-1", "amount": "5.00", "currency": "CNY"}
INVALID = Reason.INVALID_FIELD
BASIS = dict.fromkeys(("acceptance", "participation", "information", "guidance", "competition"), 1)
GOAL = DATA["group_plan.agreed"]["objectives"][0]
STEP = DATA["group_plan.agreed"]["steps"][0]
DATA_CASES = [
    (event(data="text"), Reason.INVALID_FIELD, "data"),
    (event(data=[]), Reason.INVALID_FIELD, "data"),
    (purchase(purchase_id=LEAVE_OUT), Reason.MISSING_FIELD, "data.purchase_id"),
    (purchase(purchase_id=None), Reason.MISSING_FIELD, "data.purchase_id"),
    (purchase(purchase_id=""), Reason.INVALID_ID, "data.purchase_id"),
    (purchase(purchase_id=LONG), Reason.INVALID_ID, "data.purchase_id"),
    (purchase(purchase_id="a\tb"), Reason.INVALID_ID, "data.purchase_id"),
    (purchase(purchase_id=17), Reason.INVALID_FIELD, "data.purchase_id"),
    (purchase(amount=LEAVE_OUT), Reason.MISSING_FIELD, "data.amount"),
    (purchase(amount="NaN"), Reason.INVALID_AMOUNT, "data.amount"),
    (purchase(amount="Infinity"), Reason.INVALID_AMOUNT, "data.amount"),
    (purchase(amount="1e3"), Reason.INVALID_AMOUNT, "data.amount"),
    (purchase(amount="1,000.00"), Reason.INVALID_AMOUNT, "data.amount"),
    (purchase(amount="１２"), Reason.INVALID_AMOUNT, "data.amount"),
    (purchase(amount=True), Reason.INVALID_AMOUNT, "data.amount"),
    (purchase(amount=["1"]), Reason.INVALID_AMOUNT, "data.amount"),
    (purchase(amount="0.00"), Reason.INVALID_AMOUNT, "data.amount"),
    (purchase(amount=0), Reason.INVALID_AMOUNT, "data.amount"),
    (purchase(amount="-5.00"), Reason.INVALID_AMOUNT, "data.amount"),
    (purchase(amount=-5), Reason.INVALID_AMOUNT, "data.amount"),
    (purchase(amount="1000.005"), Reason.INEXACT_AMOUNT, "data.amount"),
    (purchase(amount=0.0001), Reason.INEXACT_AMOUNT, "data.amount"),
    (purchase(amount="12.000"), Reason.AMBIGUOUS_AMOUNT, "data.amount"),
    (purchase(amount="12.500"), Reason.AMBIGUOUS_AMOUNT, "data.amount"),
    (purchase(amount="1.005"), Reason.AMBIGUOUS_AMOUNT, "data.amount"),
    (purchase(amount=12.125), Reason.AMBIGUOUS_AMOUNT, "data.amount"),
    (purchase(amount="1.000", currency="JPY"), Reason.AMBIGUOUS_AMOUNT, "data.amount"),
    (purchase(amount="10.5", currency="JPY"), Reason.INEXACT_AMOUNT, "data.amount"),
    (purchase(amount="9" * 19), Reason.INVALID_AMOUNT, "data.amount"),
    (purchase(amount=10**30), Reason.INVALID_AMOUNT, "data.amount"),
    (purchase(currency=LEAVE_OUT), Reason.MISSING_FIELD, "data.currency"),
    (purchase(currency="ABC"), Reason.UNKNOWN_CURRENCY, "data.currency"),
    (purchase(currency="cny"), Reason.UNKNOWN_CURRENCY, "data.currency"),
    (purchase(currency="XAU"), Reason.UNKNOWN_CURRENCY, "data.currency"),
    (purchase(currency=156), Reason.INVALID_FIELD, "data.currency"),
    (purchase(margin_rate="high"), Reason.INVALID_FIELD, "data.margin_rate"),
    (purchase(margin_rate=22), Reason.INVALID_FIELD, "data.margin_rate"),
    (purchase(product_line="a\nb"), Reason.INVALID_FIELD, "data.product_line"),
    (purchase(occurred_on="2026-02-20"), Reason.INVALID_FIELD, "data.occurred_on"),
    (purchase(occurred_on="2026-03-09"), Reason.INVALID_FIELD, "data.occurred_on"),
    (purchase(occurred_on="01.03.2026"), Reason.INVALID_FIELD, "data.occurred_on"),
    (event("invoice.issued", {"due_on": "9999-12-31"}), Reason.INVALID_FIELD, "data.due_on"),
    (event("invoice.issued", {"due_on": "2026-13-01"}), Reason.INVALID_FIELD, "data.due_on"),
    (event("visit.logged", {"participants": []}), Reason.INVALID_FIELD, "data.participants"),
    (event("visit.logged", {"participants": "r-1"}), Reason.INVALID_FIELD, "data.participants"),
    (event("visit.logged", {"kind": "golf"}), Reason.INVALID_FIELD, "data.kind"),
    (event("visit.logged", {"attendees": [{}] * 101}), Reason.INVALID_FIELD, "data.attendees"),
    (event("visit.logged", {"attendees": [{}, {"name": 5}]}), Reason.INVALID_FIELD, "data.attendees.1.name"),
    (
        event("visit.logged", {"follow_ups": [{"what": "x", "due_on": "0001-01-01"}]}),
        Reason.INVALID_FIELD,
        "data.follow_ups.0.due_on",
    ),
    (event("visit.logged", {"follow_ups": [{}]}), Reason.MISSING_FIELD, "data.follow_ups.0.what"),
    (event("satisfaction.surveyed", {"score": 11}), Reason.INVALID_FIELD, "data"),
    (event("satisfaction.surveyed", {"score": 9.5}), Reason.INVALID_FIELD, "data.score"),
    (event("satisfaction.surveyed", {"score": 1e200}), Reason.INVALID_FIELD, "data.score"),
    (event("satisfaction.surveyed", {"score": True}), Reason.INVALID_FIELD, "data.score"),
    (event("invoice.paid", {"amount": "5.00"}), Reason.MISSING_FIELD, "data.payment_id"),
    (event("invoice.paid", {"amount": "5.00", "payment_id": "p-1"}), Reason.MISSING_FIELD, "data.currency"),
    (event("invoice.paid", {"currency": "CNY", "payment_id": "p-1"}), Reason.MISSING_FIELD, "data.amount"),
    (event("invoice.paid", PART | {"amount": "12.000"}), Reason.AMBIGUOUS_AMOUNT, "data.amount"),
    (event("invoice.credited", {"currency": LEAVE_OUT}), Reason.MISSING_FIELD, "data.currency"),
    (event("record.voided", {"kind": "payment_part"}), Reason.MISSING_FIELD, "data.invoice_id"),
    (event("record.voided", {"kind": "credit"}), Reason.MISSING_FIELD, "data.invoice_id"),
    (event("record.voided", {"kind": "payment", "invoice_id": "i-1"}), Reason.INVALID_FIELD, "data.invoice_id"),
    (event("account.rated", {"strategic_fit": LEAVE_OUT}), Reason.MISSING_FIELD, "data.strategic_fit"),
    (event("account.assigned", {"account_manager": LEAVE_OUT}), Reason.MISSING_FIELD, "data.account_manager"),
    (event("representative.absent", {"part": 0}), Reason.INVALID_FIELD, "data.part"),
    (event("representative.absent", {"part": 1.5}), Reason.INVALID_FIELD, "data.part"),
    (event("representative.absent", {"to_on": "2026-03-01"}), Reason.INVALID_FIELD, "data"),
    (event("representative.registered", {"name": LEAVE_OUT}), Reason.MISSING_FIELD, "data.name"),
    (event("key_person.assessed", {"basis": {**BASIS, "guidance": 4}}), INVALID, "data.basis.guidance"),
    (event("key_person.assessed", {"basis": {"guidance": 1}}), Reason.MISSING_FIELD, "data.basis.acceptance"),
    (event("key_person.assessed", {"basis": BASIS, "attitude": None}), INVALID, "data"),
    (event("group.registered", {"name": LEAVE_OUT}), Reason.MISSING_FIELD, "data.name"),
    (event("group.registered", {"parent_group_id": " g"}), Reason.INVALID_ID, "data.parent_group_id"),
    (event("credit.rated", {"limit": "-1"}), Reason.INVALID_AMOUNT, "data.limit"),
    (event("credit.rated", {"limit": 1e300}), Reason.INVALID_AMOUNT, "data.limit"),
    (event("tier.overridden", {"approved_by": "u-1"}), Reason.FOUR_EYES, "data.approved_by"),
    (event("tier.overridden", {"expires_on": "2027-03-02"}), Reason.INVALID_FIELD, "data.expires_on"),
    (event("tier.overridden", {"expires_on": "2026-02-28"}), Reason.INVALID_FIELD, "data.expires_on"),
    (event("profile.revised", {"items": [{"item": "pains", "text": "痛" * 4001}]}), INVALID, "data.items.0.text"),
    (event("profile.revised", {"items": [{"item": "pains", "text": "a\x07b"}]}), INVALID, "data.items.0.text"),
    (event("profile.revised", {"items": [{"item": "pains"}]}), INVALID, "data.items.0"),
    (
        event("profile.revised", {"items": [{"item": "pains", "text": "x", "none_known": True}]}),
        INVALID,
        "data.items.0",
    ),
    (event("profile.revised", {"items": [{"item": "pains", "text": None}] * 2}), INVALID, "data"),
    (
        event("profile.revised", {"items": [{"item": f"i{n}", "none_known": True} for n in range(41)]}),
        INVALID,
        "data.items",
    ),
    (event("profile.revised", {"items": LEAVE_OUT}), INVALID, "data"),
    (event("profile.revised", {"grade_until": "2026-12-31"}), INVALID, "data"),
    (event("profile.revised", {"grade": "public"}), INVALID, "data.grade"),
    (event("profile.revised", {"profile": "vp"}), INVALID, "data"),
    (event("profile.revised", {"vendor_id": "v-1"}), INVALID, "data"),
    (event("profile.revised", {"profile": "mp"}), INVALID, "data.profile"),
    (event("profile.revised", revision=2), INVALID, "revision"),
    (event("profile.reviewed", {"sections": []}), INVALID, "data.sections"),
    (event("profile.reviewed", {"sections": ["weather"]}), INVALID, "data.sections.0"),
    (event("access.granted", {"approved_by": "r-2"}), Reason.SELF_APPROVED, "data.approved_by"),
    (event("access.granted", {"expires_on": "2026-05-31"}), INVALID, "data.expires_on"),
    (event("access.granted", {"expires_on": "2026-02-28"}), INVALID, "data.expires_on"),
    (event("access.granted", {"max_grade": "any"}), INVALID, "data.max_grade"),
    (event("person.erased", {"mode": "restrict"}), INVALID, "data"),
    (event("person.erased", {"until": "2027-01-01"}), INVALID, "data"),
    (event("person.erased", {"mode": "restrict", "until": "2026-02-28"}), INVALID, "data.until"),
    (event("person.erased", {"mode": "restrict", "until": "2040-01-01"}), INVALID, "data.until"),
    (event("person.erased", {"requested_on": "2026-03-02"}), INVALID, "data.requested_on"),
    (event("person.erased", {"scope": "representative"}), INVALID, "data.person_id"),
    (event("person.erased", {"also": ["c-2"]}), INVALID, "data.also.0"),
    (event("person.erased", {"also": ["group:c-2"]}), INVALID, "data.also.0"),
    (event("person.erased", {"also": ["customer:" + "c" * 129]}), INVALID, "data.also.0"),
    (event("person.erased", {"also": []}), INVALID, "data.also"),
    (event("person.erased", {"also": [f"customer:c-{n}" for n in range(51)]}), INVALID, "data.also"),
    (event("person.erased", {"also": ["customer:00042"]}), INVALID, "data.also"),
    (event("person.erased", {"also": ["customer:c", "customer:c"]}), INVALID, "data.also"),
    (event("person.erased", {"also": ["representative:somebody"]}), INVALID, "data.also"),
    (event("person.erased", {"basis": "whim"}), INVALID, "data.basis"),
    (event("person.erased", revision=2), INVALID, "revision"),
    (event("group_plan.agreed", {"approved_by": "r-1"}), Reason.SELF_APPROVED, "data.approved_by"),
    (event("group_plan.agreed", {"to_on": "2027-03-02"}), INVALID, "data.to_on"),
    (event("group_plan.agreed", {"to_on": "2026-02-28"}), INVALID, "data.to_on"),
    (event("group_plan.agreed", {"to_on": "2026-06-29"}), INVALID, "data.objectives.0.due_on"),
    (event("group_plan.agreed", {"steps": [{**STEP, "due_on": "2027-01-01"}]}), INVALID, "data.steps.0.due_on"),
    (event("group_plan.agreed", {"steps": [{**STEP, "objective_id": "x"}]}), INVALID, "data.steps.0.objective_id"),
    (event("group_plan.agreed", {"steps": [STEP, STEP]}), INVALID, "data.steps.1.step_id"),
    (event("group_plan.agreed", {"objectives": [GOAL, GOAL]}), INVALID, "data.objectives.1.objective_id"),
    (event("group_plan.agreed", {"objectives": [{**GOAL, "baseline": "2.0"}]}), INVALID, "data.objectives.0.target"),
    (
        event("group_plan.agreed", {"objectives": [{**GOAL, "metric": "attitude"}]}),
        INVALID,
        "data.objectives.0.person_id",
    ),
    (event("group_plan.agreed", {"objectives": [{**GOAL, "dimension": "x"}]}), INVALID, "data.objectives.0.dimension"),
    (event("group_plan.agreed", {"covers": ["00042"]}), INVALID, "data.covers"),
    (event("group_plan.agreed", {"covers": ["a", "a"]}), INVALID, "data.covers"),
    (event("group_plan.agreed", {"covers": [f"c{n}" for n in range(51)]}), INVALID, "data.covers"),
    (event("plan_step.done", {"done_on": LEAVE_OUT}), Reason.MISSING_FIELD, "data.done_on"),
    (event("plan.reviewed", {"findings": "x" * 4001}), INVALID, "data.findings"),
    (event("service.delivered", {"quantity": 0}), INVALID, "data.quantity"),
    (event("service.delivered", {"quantity": 1001}), INVALID, "data.quantity"),
    (event("record.voided", revision=1), Reason.INVALID_FIELD, "revision"),
    (event("record.voided", revision=LEAVE_OUT), Reason.INVALID_FIELD, "revision"),
    (event("record.voided", {"kind": "customer"}), Reason.INVALID_FIELD, "data.kind"),
    (event("customer.registered", revision=2), Reason.INVALID_FIELD, "revision"),
    (event("goal.set", {"metric": "counted"}), Reason.INVALID_FIELD, "data"),
]


@pytest.mark.parametrize(("document", "reason", "field"), DATA_CASES)
def test_bad_data_is_refused(document: dict[str, Any], reason: Reason, field: str) -> None:
    expect_refusal(judged(document), reason, field)


def expect_refusal(result: object, reason: Reason, field: str) -> None:
    assert isinstance(result, Refused), result
    assert (result.reason, result.field) == (reason, field), result.hint
    assert 10 < len(result.hint) <= 300
    assert "\n" not in result.hint
    assert "Traceback" not in result.hint


@pytest.mark.parametrize("noun", [noun for noun in DATA if not FACTS[f"guanxi.{noun}.v1"].derived])
def test_every_type_passes_and_its_log_form_is_canonical(noun: str) -> None:
    passed = candidate(event(noun))
    entry = FACTS[passed.type]
    kept = set(DATA[noun]) - ({"name", "title"} if entry.door is not entry.fact else set())
    assert passed.data.keys() >= kept
    fact = entry.fact.model_validate(passed.data)
    assert entry.fact.model_validate(dump_fact(fact)) == fact
    assert passed.ignored == ()
    assert passed.claimed is entry.is_claimed


def test_every_fact_type_is_tried_here() -> None:
    assert {f"guanxi.{noun}.v1" for noun in DATA} == set(FACTS)


def test_guanxis_own_types_pass_on_the_inbox_only() -> None:
    review = event("customer.reviewed")
    assert candidate(review).claimed is False
    expect_refusal(judged(review, internal=False), Reason.INTERNAL_TYPE, "type")


def test_what_admission_makes_of_other_events_passes_nowhere() -> None:
    expect_refusal(judged(event("plan.covered")), Reason.INTERNAL_TYPE, "type")


@pytest.mark.parametrize(
    ("amount", "currency", "canonical"),
    [
        ("1234.5", "CNY", "1234.50"),
        (1234.5, "CNY", "1234.50"),
        (1234, "CNY", "1234.00"),
        ("007", "CNY", "7.00"),
        (10, "JPY", "10"),
        ("1.250", "BHD", "1.250"),
        ("1500.00", "JPY", "1500"),
        ("1234.500", "CNY", "1234.50"),
        ("1.2500", "CNY", "1.25"),
        ("12345678901234", "CNY", "12345678901234.00"),
        ("9" * 18, "JPY", "9" * 18),
        (10, "BRL", "10.00"),
    ],
)
def test_amounts_become_canonical(amount: object, currency: str, canonical: str) -> None:
    assert candidate(purchase(amount=amount, currency=currency)).data["amount"] == canonical


def test_the_same_content_however_it_is_written() -> None:
    plain = candidate(purchase(margin_rate="0.22"))
    for other in (
        purchase(margin_rate=0.22),
        purchase(margin_rate="0.2200"),
        purchase(margin_rate="0.22", amount=1234.5),
        purchase(margin_rate="0.22", product_line=None, unknown=1),
        event(data={"margin_rate": "0.22"}, id="e-2", time="2026-03-01T04:00:00.000Z", traceparent=LEAVE_OUT, more="x"),
    ):
        assert candidate(other).content == plain.content
        assert candidate(other).identity == plain.identity
    for other in (purchase(margin_rate="0.23"), purchase(), purchase(margin_rate="0.22", occurred_on="2026-03-01")):
        assert candidate(other).content != plain.content


@pytest.mark.parametrize(
    ("noun", "field", "value", "written"),
    [
        ("satisfaction.surveyed", "score", 9, (9.0,)),
        ("key_person.assessed", "attitude", 2, (2.0,)),
        ("tier.approved", "proposal_version", 3, (3.0,)),
    ],
)
def test_a_whole_number_may_have_a_point(noun: str, field: str, value: int, written: tuple[Any, ...]) -> None:
    plain = candidate(event(noun, {field: value}))
    for one in written:
        assert candidate(event(noun, {field: one})).content == plain.content
        assert type(candidate(event(noun, {field: one})).data[field]) is int


def test_revisions_are_whole_numbers_up_to_2_to_the_53() -> None:
    for written, revision in ((2.0, 2), (2**53 - 1, 2**53 - 1), (None, 1)):
        assert candidate({**event(), "revision": written}).revision == revision
    for bad in (2**53, 0, -1, 1.5, "2", True):
        expect_refusal(judged({**event(), "revision": bad}), Reason.INVALID_FIELD, "revision")


def test_an_optional_attribute_that_is_null_is_absent() -> None:
    document = {**event(), "revision": None, "traceparent": None, "datacontenttype": None, "tenant": None}
    assert candidate(document).ignored == ()
    assert candidate(document).content == candidate(event()).content


def test_a_part_of_a_payment_and_a_credit_are_records_of_their_own() -> None:
    whole, part = event("invoice.paid"), event("invoice.paid", PART)
    assert candidate(whole).identity != candidate(part).identity
    assert candidate(event("invoice.paid", dict.fromkeys(PART))).identity == candidate(whole).identity
    assert candidate(event("invoice.paid", PART | {"payment_id": "p-2"})).identity != candidate(part).identity
    assert candidate(event("invoice.paid", PART | {"invoice_id": "i-2"})).identity != candidate(part).identity
    assert candidate(part).data == {"invoice_id": "i-1", "paid_on": "2026-03-01", **PART}
    void = {"kind": "payment_part", "record_id": "p-1", "invoice_id": "i-1"}
    assert candidate(event("record.voided", void)).identity == candidate(part).identity
    credit = candidate(event("invoice.credited"))
    assert credit.identity != candidate(event("invoice.paid", PART | {"payment_id": "k-1"})).identity
    void = {"kind": "credit", "record_id": "k-1", "invoice_id": "i-1"}
    assert candidate(event("record.voided", void)).identity == credit.identity


def test_a_representative_is_amended_field_by_field() -> None:
    assert "fte" not in candidate(event("representative.registered")).data
    cleared = dict.fromkeys(("team", "manager", "fte", "active_until"))
    assert candidate(event("representative.registered", cleared)).data.items() >= cleared.items()


def test_an_explicit_null_is_content_where_it_clears() -> None:
    absent, null = event("account.assigned"), event("account.assigned", {"product_manager": None})
    assert candidate(absent).content != candidate(null).content
    assert candidate(null).data == {"account_manager": "r-1", "product_manager": None, "from_on": "2026-03-01"}


def test_a_changed_name_is_other_content_though_the_log_shows_none() -> None:
    one, other = event("key_person.assessed"), event("key_person.assessed", {"name": "张明"})
    assert candidate(one).data == candidate(other).data
    assert candidate(one).content == candidate(other).content
    assert candidate(one).said != candidate(other).said


def test_ids_and_keys() -> None:
    assert candidate(event()).key == "customer:00042"
    assert candidate(event("representative.absent")).key == "representative:00042"
    assert candidate(event("record.voided", {"kind": "absence"})).key == "representative:00042"
    goal = {"scope": "representative", "metric": "counted"}
    assert candidate(event("goal.set", goal)).key == "representative:00042"
    odd = "$set.a/b\u3000客户 x"
    passed = candidate(event(data={"purchase_id": odd}, subject=odd, source=odd))
    assert (passed.key, passed.data["purchase_id"]) == (f"customer:{odd}", odd)


def test_a_record_is_the_same_under_any_event_id_and_a_void_belongs_to_it() -> None:
    first = candidate(event(id="e-1"))
    assert candidate(event(id="e-9", revision=3)).identity == first.identity
    assert candidate(event("record.voided", id="e-3")).identity == first.identity
    assert candidate(event(source="crm")).identity != first.identity
    assert candidate(event("purchase.refunded", {"refund_id": "p-1"})).identity != first.identity
    assert candidate(event("customer.registered", id="p-1")).identity != first.identity


def test_what_undoing_needs_is_kept_of_records_only() -> None:
    undo = candidate(event("visit.logged")).undo
    assert undo is not None
    assert undo["revision"] == 1
    assert undo["time"] == "2026-03-01T04:00:00Z"
    assert set(undo["data"]) == {"visit_id", "kind", "channel", "participants", "attendees"}
    assert candidate(event("record.voided")).undo == {"revision": 2, "time": "2026-03-01T04:00:00Z", "data": None}
    assert candidate(event("customer.registered")).undo is None


def test_claims_expire_except_those_of_records_and_of_history() -> None:
    at = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
    assert candidate(event("customer.registered")).expires_at == at + timedelta(days=800)
    assert candidate(event("customer.registered"), backfill=True).expires_at is None
    assert candidate(event()).expires_at is None


def test_age_is_that_of_the_inbox_and_history_may_be_old() -> None:
    edge = NOW - timedelta(days=760)
    assert candidate(event(time=edge.isoformat())).backfill is False
    just_over = (edge - timedelta(seconds=1)).isoformat()
    expect_refusal(judged(event(time=just_over)), Reason.TOO_OLD, "time")
    assert candidate(event(time=just_over), backfill=True).backfill is True
    candidate(event(time="2026-03-01T12:05:00+08:00"))
    expect_refusal(judged(event(time="2026-03-02T12:05:00+08:00"), backfill=True), Reason.IN_FUTURE, "time")
    expect_refusal(judged(event(time="1969-12-31T23:59:59Z"), backfill=True), Reason.TOO_OLD, "time")


def test_occurred_on_is_measured_from_the_business_day() -> None:
    late = "2026-02-28T23:00:00Z"  # the first of March in Shanghai
    candidate(event(data={"occurred_on": "2026-03-08"}, time=late))
    expect_refusal(
        judged(event(data={"occurred_on": "2026-03-09"}, time=late)), Reason.INVALID_FIELD, "data.occurred_on"
    )


def test_what_is_not_known_is_left_out_and_named() -> None:
    passed = candidate(event(data={"amont": 1, "$set": {"a.b": 1}}, tenant="x", traceparent="nonsense"))
    assert set(passed.data) == {"purchase_id", "amount", "currency"}
    assert passed.ignored == ("tenant", "traceparent", "data.amont", "data.$set")
    visit = candidate(event("visit.logged", {"attendees": [{"name": "李娜", "nmae": "x"}], "replaces": {}}))
    assert visit.ignored == ("data.replaces", "data.attendees.0.nmae")
    many = candidate(event(data={f"x{n}": n for n in range(100)})).ignored
    assert len(many) == MAX_NAMED + 1
    assert many[-1] == "... and 80 more"


def test_a_valid_traceparent_goes_along() -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    passed = candidate(event(traceparent=trace))
    assert (passed.traceparent, passed.ignored) == (trace, ())


@pytest.mark.parametrize(
    ("key", "fine"),
    [
        (None, True),
        (b"", True),
        (b"00042", True),
        (b"\xff\x00", True),
        (b"customer:00042", True),
        (b"customer:42", False),
        (b"representative:00042", False),
    ],
)
def test_a_key_of_our_own_form_must_name_the_subject(key: bytes | None, fine: bool) -> None:  # noqa: FBT001
    refused = refuse_key(key, candidate(event()))
    assert (refused is None) is fine
    if refused is not None:
        assert refused.reason is Reason.KEY_MISMATCH


def test_a_plan_of_366_days_whose_objective_has_no_step_is_taken_with_numbers_by_value() -> None:
    objectives = [{**GOAL, "target": 2.0, "metric": "not measured"}]
    said = event("group_plan.agreed", {"to_on": "2027-03-01", "objectives": objectives, "steps": []})
    taken = candidate(said)
    assert taken.data["objectives"][0]["target"] == "2"
    again = candidate({**said, "data": {**said["data"], "objectives": [{**objectives[0], "target": "2.00"}]}})
    assert again.content == taken.content
    assert taken.undo is not None
    assert taken.undo["data"].keys() == {"plan_id", "from_on", "to_on", "covers", "agreed_by", "approved_by"}
