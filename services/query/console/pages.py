"""From what was read to HTML: one environment of templates for each language, whole pages and single blocks of them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from gettext import NullTranslations
from html import escape
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from services.query.console.asking import segment
from services.query.console.drawn import Drawn
from services.query.console.words import LANGUAGES, words

FOLDER = Path(__file__).parent
TEMPLATES = FOLDER / "templates"


@dataclass(slots=True)
class Pages:
    """All templates. zone: in which instants are shown; version: of the assets, so that a browser fetches new ones."""

    zone: ZoneInfo
    version: str
    _by_language: dict[str, Environment] = field(default_factory=dict)

    def page(self, name: str, language: str, said: Mapping[str, Any]) -> str:
        """A whole page."""
        return self._environment(language).get_template(name).render(said, language=language)

    def part(self, name: str, language: str, said: Mapping[str, Any]) -> Markup:
        """A template that others place."""
        return Markup(self.page(name, language, said))  # noqa: S704 - escaped by Jinja

    def block(self, name: str, block: str, language: str, said: Mapping[str, Any]) -> Markup:
        """One block of a page's template."""
        template = self._environment(language).get_template(name)
        context = template.new_context({**said, "language": language})
        return Markup("".join(template.blocks[block](context)))  # noqa: S704 - escaped by Jinja

    def has(self, name: str, block: str) -> bool:
        """Whether a template has the block."""
        return block in self._environment(LANGUAGES[0]).get_template(name).blocks

    def _environment(self, language: str) -> Environment:
        if language not in self._by_language:
            made = Environment(
                loader=FileSystemLoader(TEMPLATES),
                autoescape=True,
                undefined=StrictUndefined,
                extensions=["jinja2.ext.i18n"],
                trim_blocks=True,
                lstrip_blocks=True,
            )
            spoken = words(language, self.zone)
            made.install_gettext_translations(spoken.translations, newstyle=True)  # type: ignore[attr-defined]
            made.globals["gettext"] = _escaped(spoken.translations)
            made.globals.update(version=self.version, **spoken.globals())
            made.globals["segment"] = segment
            made.globals["draw"] = Drawn(spoken)
            made.filters.update(spoken.filters(), json=lambda value: json.dumps(value, ensure_ascii=False, default=str))
            made.globals["m"] = made.get_template("macros.html").module
            self._by_language[language] = made
        return self._by_language[language]


def _escaped(translations: NullTranslations) -> Callable[..., Markup]:
    """As Jinja's own, but a text that is no template's own (an error that quotes what somebody typed) may hold whatever
    it likes: signs of HTML are shown, and a % without variables is one.
    """

    def gettext(text: str, /, **variables: Any) -> Markup:
        found = translations.gettext(text)
        if variables:
            return Markup(found) % variables  # noqa: S704 - what has variables is a template's own
        return Markup(escape(found, quote=False).replace('"', "&quot;"))  # noqa: S704 - escaped here

    return gettext


def in_zone(text: str, zone: ZoneInfo) -> datetime:
    """An instant of the API, as people here have it."""
    return datetime.fromisoformat(text).astimezone(zone)
