"""What all pictures are made of: escaped elements, rounded numbers, texts cut to a width."""

import unicodedata
from dataclasses import dataclass

from markupsafe import Markup, escape


@dataclass(frozen=True, slots=True)
class Picture:
    """svg: the drawing; columns, rows: the same numbers as a table; title: what both show."""

    title: str
    svg: Markup
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def element(name: str, *inside: str | Markup, **attributes: str | float) -> Markup:
    """One element; attributes in the order given, `class_` for class, `_` for `-`."""
    said = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), value if isinstance(value, str) else near(value))
        for key, value in attributes.items()
    )
    content = Markup("").join(inside)
    return Markup(f"<{name}{said}>{content}</{name}>" if content else f"<{name}{said}/>")  # noqa: S704 - all escaped


def text(at: tuple[float, float], words: str, class_: str = "", anchor: str = "start") -> Markup:
    """A line of text, whose direction the words themselves decide."""
    return element(
        "text", escape(words), x=at[0], y=at[1], class_=class_ or "label", text_anchor=anchor, unicode_bidi="isolate"
    )


def drawing(title: str, size: tuple[float, float], *inside: Markup, class_: str = "", leads: bool = False) -> Markup:
    """The whole picture, in a box of `size`. leads: whether parts of it are links, which an image may not have."""
    width, height = near(size[0]), near(size[1])
    return element(
        "svg",
        element("title", escape(title)),
        *inside,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width} {height}",
        width=width,
        height=height,
        role="group" if leads else "img",
        class_=f"picture {class_}".strip(),
        aria_label=title,
    )


def near(value: float) -> str:
    """To a tenth of a pixel, without a trailing zero: 3, 3.5."""
    return f"{round(value, 1) + 0.0:.1f}".removesuffix(".0")


def short(words: str, width: int) -> str:
    """Cut to `width` columns, where a Chinese character takes two."""
    taken = 0
    for at, letter in enumerate(words):
        taken += 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        if taken > width:
            return words[: max(0, at - 1)].rstrip() + "…"
    return words
