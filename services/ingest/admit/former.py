"""Contents as earlier versions hashed them, so that their claims still detect a repeat."""

from services.ingest.admit.candidate import Candidate
from shared.events.codec import content_hash
from shared.events.facts import RepresentativeRegistered
from shared.events.registry import NAMES

_REPRESENTATIVE = NAMES[RepresentativeRegistered]


def former_contents(candidate: Candidate) -> set[bytes]:
    """Of events with texts or names: those were part of the content. Before version 2b2bfed, in registrations of
    representatives, fte defaulted to 1 and null equalled absent.
    """
    if candidate.whole is None:
        return set()
    name, subject, instant, data = candidate.whole
    contents = {content_hash(candidate.whole)}
    if name == _REPRESENTATIVE:
        said = {"fte": "1"} | {field: value for field, value in data.items() if value is not None}
        contents.add(content_hash((name, subject, instant, said)))
    return contents
