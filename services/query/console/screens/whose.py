"""Whose work a screen is about: a representative's, who is signed in or looked at."""

from services.query.console.asking import Asked


def representative(asked: Asked) -> str | None:
    """The one asked for, else the one who is signed in; None for everybody's."""
    asked_for = asked.query.get("representative", "").strip()
    return asked_for or asked.person.representative
