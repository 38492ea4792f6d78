"""Invented names of companies and persons, English and Chinese; any likeness is chance."""

from random import Random

_FIRST_WORDS = (
    "Harrow", "Finch", "Bramble", "Ashdown", "Larkspur", "Penrose", "Whitby", "Calder", "Thistle",
    "Orchard", "Maple", "Juniper", "Kestrel", "Linden", "Marlow", "Nutmeg", "Old Mill", "Primrose",
    "Quayside", "Rosewood", "Saltmarsh", "Tansy", "Upland", "Velvet", "Wren", "Yarrow", "Amber",
    "Bluebell", "Copper", "Dovetail",
)  # fmt: skip
_SECOND_WORDS = (
    "Gifts", "Home", "Interiors", "Trading", "Parlour", "Emporium", "Cards", "Living", "Bazaar",
    "Stores", "Wholesale", "Supplies", "Decor", "Curios", "Garden",
)  # fmt: skip
_LEGAL_FORMS = {
    "Germany": "GmbH",
    "Austria": "GmbH",
    "Switzerland": "AG",
    "France": "SARL",
    "Belgium": "BV",
    "Netherlands": "BV",
    "Spain": "SL",
    "Italy": "Srl",
    "Portugal": "Lda",
    "Sweden": "AB",
    "Norway": "AS",
    "Denmark": "ApS",
    "Finland": "Oy",
    "Poland": "Sp. z o.o.",
    "Japan": "KK",
    "USA": "Inc.",
    "Australia": "Pty Ltd",
    "Singapore": "Pte Ltd",
}
_PLACES_ZH = ("广州", "深圳", "义乌", "宁波", "上海", "香港", "厦门", "杭州", "佛山", "东莞")
_MARKS_ZH = (
    "锦绣", "福临", "瑞丰", "和顺", "恒达", "嘉美", "银河", "同心", "百川", "远航", "春晓", "金桥",
    "明德", "祥云",
)  # fmt: skip
_TRADES_ZH = ("礼品", "家居", "工艺品", "贸易", "文具", "商贸", "百货")
_CHINESE_COUNTRIES = frozenset({"Hong Kong", "Singapore"})
_CHINESE_SHARE_THERE = 0.8
_CHINESE_SHARE_ELSEWHERE = 0.06

_GIVEN = (
    "Alice", "Ben", "Chloe", "Daniel", "Emma", "Fergus", "Grace", "Harry", "Isla", "Jack", "Katie",
    "Liam", "Megan", "Noah", "Olivia", "Priya", "Rhys", "Sophie", "Tom", "Yasmin",
)  # fmt: skip
_FAMILY = (
    "Abbott", "Barker", "Clarke", "Dawson", "Ellis", "Fletcher", "Gibson", "Hughes", "Iqbal", "Jenkins",
    "Khan", "Lewis", "Morgan", "Newton", "Owen", "Patel", "Reid", "Shaw", "Turner", "Walsh",
)  # fmt: skip
_FAMILY_ZH = "王李张刘陈杨黄赵周吴徐孙林何高郭"
_GIVEN_ZH = (
    "伟", "芳", "秀英", "敏", "静", "丽华", "强", "磊", "军", "洋", "文娟", "志强", "晓明", "雪梅",
    "建国", "婷",
)  # fmt: skip


def company_name(rng: Random, country: str) -> str:
    """A company's name as it might be in that country; mostly Chinese in Hong Kong and Singapore."""
    share = _CHINESE_SHARE_THERE if country in _CHINESE_COUNTRIES else _CHINESE_SHARE_ELSEWHERE
    if rng.random() < share:
        return f"{rng.choice(_PLACES_ZH)}{rng.choice(_MARKS_ZH)}{rng.choice(_TRADES_ZH)}有限公司"
    first, second = rng.choice(_FIRST_WORDS), rng.choice(_SECOND_WORDS)
    joined = f"{first} & {rng.choice(_FIRST_WORDS)}" if rng.random() < 0.3 else first
    return f"{joined} {second} {_LEGAL_FORMS.get(country, 'Ltd')}"


def person_name(rng: Random, *, chinese: bool) -> str:
    """A person's name, family name first when Chinese."""
    if chinese:
        return rng.choice(_FAMILY_ZH) + rng.choice(_GIVEN_ZH)
    return f"{rng.choice(_GIVEN)} {rng.choice(_FAMILY)}"


def is_chinese(name: str) -> bool:
    """Whether a name is written in Chinese characters."""
    return any("一" <= character <= "鿿" for character in name)
