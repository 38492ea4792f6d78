"""What exports call their columns, in English, German and Chinese. Pure data, and how to compare it."""
# ruff: noqa: E501 - lists of words

import re
import unicodedata

WORDS: dict[str, tuple[str, ...]] = {
    "customer_id": (
        "customer id", "customer no", "customer number", "customer code", "cust id", "client id", "account id",
        "account number", "company id", "associated company ids", "partner id", "kundennummer", "kundennr", "kunden nr",
        "kunden id", "debitor", "debitorennummer", "debitor nr", "客户编号", "客户编码", "客户代码", "客户号", "对方账号",
    ),
    "customer": (
        "customer", "customer name", "client", "client name", "company", "company name", "account", "account name",
        "partner", "invoice partner display name", "associated company", "company account", "buyer", "bill to", "sold to",
        "kunde", "kundenname", "firma", "auftraggeber", "empfänger", "客户", "客户名称", "客户名", "公司", "公司名称",
        "购买方", "购方名称", "买方", "交易对方", "对方户名",
    ),
    "purchase_id": (
        "order id", "order", "order no", "order number", "order reference", "sales order", "so number", "po number",
        "transaction id", "receipt", "name", "bestellnummer", "auftragsnummer", "auftrag", "auftrag nr", "auftragsnr",
        "vorgangsnummer", "订单号", "订单编号", "销售单号", "单据编号", "交易号", "商家订单号", "交易订单号", "订单", "流水号",
    ),
    "invoice_id": (
        "invoice", "invoice no", "invoice number", "invoice id", "id", "number", "document number", "bill number",
        "voucher no", "rechnung", "rechnungsnummer", "rechnungsnr", "rechnung nr", "rechnungs nr", "belegnummer",
        "beleg nr", "发票号", "发票号码", "发票编号", "单据号",
    ),
    "time": (
        "date", "order date", "posting date", "invoice date", "invoice bill date", "bill date", "transaction date",
        "purchase date", "document date", "created", "created at", "created on", "activity date", "visit date",
        "meeting start time", "start time", "response date", "submitted", "submitted at", "datum", "belegdatum",
        "rechnungsdatum", "auftragsdatum", "bestelldatum", "besuchsdatum", "buchungsdatum", "日期", "时间", "订单日期",
        "下单时间", "开票日期", "单据日期", "拜访日期", "拜访时间", "交易时间", "交易创建时间", "付款时间", "填写时间",
        "提交时间", "创建时间",
    ),
    "due_on": (
        "due date", "payment due date", "due", "due on", "fällig", "fällig am", "fälligkeit", "fälligkeitsdatum",
        "zahlbar bis", "到期日", "到期日期", "付款到期日", "付款期限", "应收日期",
    ),
    "paid_on": (
        "paid on", "paid date", "payment date", "date paid", "paid at", "paid", "bezahlt am", "zahlungsdatum",
        "zahldatum", "bezahlt", "付款日期", "回款日期", "收款日期", "支付日期",
    ),
    "amount": (
        "amount", "total", "grand total", "total amount", "net total", "net amount", "order total", "line total",
        "untaxed amount", "subtotal", "sum", "value", "betrag", "summe", "gesamtbetrag", "nettobetrag", "bruttobetrag",
        "umsatz", "netto", "brutto", "gesamt", "金额", "总金额", "订单金额", "合计金额", "含税金额", "不含税金额", "价税合计",
        "成交金额", "销售额",
    ),
    "currency": ("currency", "currency code", "cur", "währung", "waehrung", "whg", "币种", "货币", "币别"),
    "margin_rate": ("margin", "margin rate", "gross margin", "marge", "rohertrag", "毛利率", "利润率"),
    "product_line": (
        "product line", "product", "product category", "item", "item group", "invoice lines product", "category",
        "artikel", "produkt", "warengruppe", "产品线", "产品", "产品名称", "商品名称", "品类", "商品",
    ),
    "visit_id": (
        "activity id", "visit id", "visit no", "meeting id", "engagement id", "record id", "object id", "besuchsnummer",
        "besuch nr", "besuchs nr", "termin id", "拜访编号", "拜访单号", "拜访记录编号",
    ),
    "rep_id": (
        "owner", "activity assigned to", "assigned to", "assigned", "sales rep", "sales representative", "representative",
        "salesperson", "rep", "account manager", "employee id", "employee no", "employee number", "vertreter",
        "außendienst", "mitarbeiter nr", "personalnummer", "betreuer", "业务员", "客户经理", "拜访人", "销售员", "销售",
        "负责人", "工号", "员工编号", "员工工号",
    ),
    "channel": (
        "channel", "meeting location type", "location type", "medium", "kanal", "kontaktart", "方式", "拜访方式",
        "沟通方式", "联系方式",
    ),
    "kind": (
        "activity type", "visit type", "meeting type", "type", "besuchsart", "termintyp", "art", "拜访类型", "类型",
        "拜访目的类型", "活动类型",
    ),
    "attendee": (
        "contact", "contact name", "associated contact", "attendee", "attendees", "ansprechpartner", "kontakt",
        "gesprächspartner", "teilnehmer", "联系人", "参加人", "客户联系人", "受访人", "拜访对象",
    ),
    "department": ("department", "contact department", "abteilung", "部门", "联系人部门"),
    "consensus": (
        "outcome", "result", "meeting notes", "notes", "call notes", "comments", "description",
        "ergebnis", "vereinbarung", "notiz", "notizen", "bemerkung", "拜访结果", "结论", "拜访内容", "达成共识", "备注",
    ),
    "purpose": ("subject", "purpose", "meeting name", "title", "betreff", "anlass", "zweck", "主题", "拜访目的", "目的"),
    "survey_id": (
        "response id", "respondent id", "survey id", "submission id", "antwort id", "umfrage id", "问卷编号", "答卷编号",
        "答卷序号",
    ),
    "score": (
        "score", "nps", "nps score", "csat", "ces", "rating", "how likely are you to recommend us", "bewertung", "punkte",
        "note", "weiterempfehlung", "评分", "得分", "推荐度", "满意度", "满意度评分", "nps评分",
    ),
    "industry": ("industry", "sector", "branche", "行业", "所属行业"),
    "country": ("country", "country region", "land", "国家"),
    "region": ("region", "territory", "state", "state region", "state province", "area", "gebiet", "bundesland", "地区",
               "区域", "省份", "大区"),
    "rep_name": ("employee", "employee name", "full name", "mitarbeiter", "mitarbeitername", "姓名", "员工姓名"),
    "role": ("role", "job title", "job role", "position", "rolle", "funktion", "职位", "岗位", "角色", "职务"),
    "team": ("team", "group", "gruppe", "团队", "小组", "所属团队"),
    "active_from": ("active from", "hire date", "start date", "joined", "eintritt", "eintrittsdatum", "beginn", "入职日期",
                    "开始日期", "到岗日期"),
    "active_until": ("active until", "end date", "termination date", "left", "austritt", "austrittsdatum", "离职日期",
                     "结束日期"),
    "status": ("status", "state", "invoice status", "order status", "meeting outcome", "zustand", "状态", "订单状态",
               "交易状态", "单据状态", "发票状态"),
}  # fmt: skip
"""Header words of each concept, most likely first."""

TOTALS = ("total", "grand total", "subtotal", "sum", "summe", "gesamt", "zwischensumme", "合计", "总计", "小计")
VOID_WORDS = (
    "draft", "cancelled", "canceled", "cancel", "void", "voided", "deleted", "entwurf", "storniert", "abgebrochen",
    "no show", "scheduled", "rescheduled", "planned", "geplant", "nicht erschienen", "计划中", "未到场",
    "草稿", "作废", "已作废", "取消", "已取消", "交易关闭", "关闭", "已关闭", "已删除",
)  # fmt: skip
_UNITS = re.compile(r"\([^)]*\)|\[[^\]]*\]")
_PARTS = re.compile(r"[\s._:;#*/\\|,'\"?!%-]+")


def folded(header: str) -> str:
    """A header in the form used for comparison: without case, width, units in brackets, and punctuation."""
    text = unicodedata.normalize("NFKC", header).casefold()
    return " ".join(_PARTS.split(_UNITS.sub(" ", text))).strip()


_FOLDED = {concept: [folded(word) for word in words] for concept, words in WORDS.items()}


def fitness(header: str, concept: str) -> int:
    """How well a header names a concept: from 0, not at all, to 100 for its most likely word."""
    name = folded(header)
    words = _FOLDED[concept]
    if not name:
        return 0
    compact = name.replace(" ", "")
    for place, word in enumerate(words):
        if name == word or compact == word.replace(" ", ""):
            return 100 - place
    for place, word in enumerate(words):
        inside = f" {word} " in f" {name} " if word.isascii() else len(word) > 1 and word in name
        if inside and len(word) > 2:
            return 40 - min(place, 30)
    return 0


def known_words(headers: list[str]) -> int:
    """How many of a row's cells are column names."""
    return sum(any(fitness(header, concept) >= 60 for concept in WORDS) for header in headers)
