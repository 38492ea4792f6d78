"""Kinds of files: the concepts that identify each, and the event that its rows become. Pure data."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KindOfFile:
    """telling: required concepts, each with alternatives; helping: others that support it. fields: the event's fields
    from concepts; constants: values that no column has, each with what to check.
    """

    name: str
    type: str
    telling: tuple[tuple[str, ...], ...]
    helping: tuple[str, ...]
    record: tuple[str, tuple[str, ...]] | None
    fields: tuple[tuple[str, str], ...]
    constants: tuple[tuple[str, str, str], ...] = ()
    subject: tuple[str, ...] = ("customer_id", "customer")


_MONEY = (("data.amount", "amount"), ("data.currency", "currency"))
_CURRENCY = (("data.currency", "CNY", "no column has the currency"),)

KINDS = (
    KindOfFile(
        "invoices",
        "guanxi.invoice.issued.v1",
        telling=(("amount",), ("due_on",), ("customer_id", "customer")),
        helping=("invoice_id", "paid_on", "currency", "time"),
        record=("data.invoice_id", ("invoice_id", "purchase_id")),
        fields=(*_MONEY, ("data.due_on", "due_on")),
        constants=_CURRENCY,
    ),
    KindOfFile(
        "purchases",
        "guanxi.purchase.recorded.v1",
        telling=(("amount",), ("customer_id", "customer")),
        helping=("time", "purchase_id", "invoice_id", "currency", "margin_rate", "product_line"),
        record=("data.purchase_id", ("purchase_id", "invoice_id")),
        fields=(*_MONEY, ("data.margin_rate", "margin_rate"), ("data.product_line", "product_line")),
        constants=_CURRENCY,
    ),
    KindOfFile(
        "visits",
        "guanxi.visit.logged.v1",
        telling=(("rep_id",), ("kind", "channel", "attendee", "consensus", "purpose", "visit_id")),
        helping=("time", "customer_id", "customer", "department", "consensus", "attendee", "visit_id", "channel"),
        record=("data.visit_id", ("visit_id",)),
        fields=(
            ("data.kind", "kind"),
            ("data.channel", "channel"),
            ("data.participants.0.rep_id", "rep_id"),
            ("data.participants.0.role", "role"),
            ("data.attendees.0.name", "attendee"),
            ("data.attendees.0.department", "department"),
            ("data.purpose", "purpose"),
            ("data.consensus", "consensus"),
        ),
        constants=(
            ("data.kind", "routine", "no column has the kind of visit"),
            ("data.channel", "onsite", "no column has the channel: onsite, hosted, video, phone or chat"),
            ("data.participants.0.role", "account_manager", "no column has the representative's role"),
        ),
    ),
    KindOfFile(
        "surveys",
        "guanxi.satisfaction.surveyed.v1",
        telling=(("score",), ("customer_id", "customer")),
        helping=("time", "survey_id", "attendee"),
        record=("data.survey_id", ("survey_id",)),
        fields=(("data.score", "score"), ("data.instrument", "instrument")),
        constants=(("data.instrument", "nps", "no column has the instrument: nps (0-10), csat (1-5) or ces (1-7)"),),
    ),
    KindOfFile(
        "roster",
        "guanxi.representative.registered.v1",
        telling=(("rep_id", "rep_name"), ("active_from", "role", "team")),
        helping=("rep_name", "active_until", "team", "role", "active_from"),
        record=None,
        fields=(
            ("data.name", "rep_name"),
            ("data.role", "role"),
            ("data.team", "team"),
            ("data.active_from", "active_from"),
            ("data.active_until", "active_until"),
        ),
        constants=(("data.role", "account_manager", "no column has the role"),),
        subject=("rep_id", "rep_name"),
    ),
    KindOfFile(
        "customers",
        "guanxi.customer.registered.v1",
        telling=(("customer_id", "customer"),),
        helping=("customer", "industry", "country", "region"),
        record=None,
        fields=(
            ("data.name", "customer"),
            ("data.industry", "industry"),
            ("data.country", "country"),
            ("data.region", "region"),
        ),
    ),
)

WORDS_OF_FIELDS: dict[str, dict[str, tuple[str, ...]]] = {
    "data.channel": {
        "onsite": ("onsite", "on site", "in person", "visit", "vor ort", "besuch", "现场", "上门", "拜访", "实地"),
        "hosted": ("hosted", "in house", "bei uns", "来访"),
        "video": ("video", "videoconference", "zoom", "teams", "online", "视频", "视频会议"),
        "phone": ("phone", "call", "telefon", "anruf", "电话"),
        "chat": ("chat", "wechat", "微信", "email", "e mail", "mail", "邮件"),
    },
    "data.kind": {
        "routine": ("routine", "visit", "call", "meeting", "besuch", "termin", "日常拜访", "日常", "拜访"),
        "executive": ("executive", "geschäftsleitung", "高层拜访", "高层"),
        "company_tour": ("company tour", "tour", "werksbesichtigung", "公司考察", "考察"),
        "reference_site": ("reference site", "referenz", "样板点"),
        "technical_exchange": ("technical exchange", "technical", "fachgespräch", "技术交流"),
        "exhibition": ("exhibition", "trade fair", "messe", "展会"),
        "workshop": ("workshop", "研讨会"),
    },
    "data.role": {
        "account_manager": ("account manager", "sales", "sales rep", "kundenbetreuer", "vertrieb", "客户经理", "销售",
                            "销售经理", "业务员"),
        "product_manager": ("product manager", "produktmanager", "产品经理"),
        "executive": ("executive", "director", "ceo", "geschäftsführer", "总监", "高管", "总经理"),
        "engineer": ("engineer", "ingenieur", "techniker", "工程师"),
    },
}  # fmt: skip
"""The values of fields with few values, and what files call them."""
WORDS_OF_FIELDS["data.participants.0.role"] = WORDS_OF_FIELDS["data.role"]
