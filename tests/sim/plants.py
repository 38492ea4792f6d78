"""Bugs to plant: each breaks one rule of architecture.md, so that a simulation which misses it is worth less.

A plant replaces a part, or patches it for the length of a run; production code has no switch for any of them.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from unittest import mock

import services.feed.domain as feed_module
import services.ingest.admission as admission_module
import shared.fold.processor as processor_module
import shared.mongo.states as states_module
from services.feed.domain import Feed
from shared.fold.entity import Entity
from shared.fold.kept import Kept
from tests.sim import plants_admission as admission
from tests.sim import plants_feed as feed
from tests.sim import plants_fold as fold
from tests.sim.parts import Parts


@dataclass(frozen=True, slots=True)
class Plant:
    """A bug: which rule it breaks, and the parts that have it."""

    breaks: str
    parts: Parts
    scenario: str = "toy"


def _patched(target: Any, **attributes: Any) -> Callable[[], AbstractContextManager[object]]:
    return lambda: mock.patch.multiple(target, **attributes)


def _judging(verdict: Callable[..., Any]) -> Parts:
    return Parts(patched=_patched(admission_module, judge=verdict))


PLANTS: dict[str, Plant] = {
    # The bugs that architecture.md lists.
    "no-position-check": Plant("5: a batch begins at the stored position", Parts(states=fold.NoPositionCheck)),
    "decide-per-batch": Plant("6: deciding is per event", Parts(processor=fold.DecidesPerBatch)),
    "version-ignored": Plant(
        "6: a decision's version is the next one",
        Parts(patched=_patched(Entity, _arbitrate=fold.arbitrating(check_version=False, check_after=False))),
    ),
    "position-moved-first": Plant(
        "4: the position moves after the acknowledgement", Parts(admission=admission.MovesFirst)
    ),
    "texts-of-new-claims": Plant(
        "3: a position repeats its output, the texts with it", Parts(admission=admission.TextsOfNewClaims)
    ),
    "claim-without-position": Plant("3: a position repeats its verdict", _judging(admission.judge_without_position)),
    "publish-after-commit": Plant("5: decisions leave before the commit", Parts(processor=fold.PublishesAfterCommit)),
    "void-as-an-end": Plant("3: a void is a revision", _judging(admission.judge_void_as_end)),
    "reviews-claimed": Plant(
        "3: reviews need no claim", Parts(patched=_patched(admission_module, read=admission.read_claiming_reviews))
    ),
    "torn-read": Plant("5: states are read after the positions moved", Parts(states=fold.ReadBeforeMoving)),
    "due-days-forgotten": Plant("7: every due day is worked out", Parts(domain=fold.ForgetsDueDays)),
    "no-pending": Plant(
        "6: what is published is kept with the state",
        Parts(patched=_patched(Entity, document=fold.document_without_pending)),
    ),
    "claim-read-then-written": Plant("3: claims change by compare-and-set", Parts(claims=admission.LastWriterWins)),
    "insert-per-revision": Plant("3: one document per record", Parts(claims=admission.InsertPerRevision)),
    "refused-on-retry": Plant(
        "3: the claim is looked up before any other rule", _judging(admission.judge_refusing_first)
    ),
    "pipelined-batches": Plant("4: one unacknowledged batch", Parts(appender=admission.Pipelines)),
    "no-compare-and-set": Plant("3: a lost swap is judged again", Parts(claims=admission.IgnoresTheSwap)),
    "no-after": Plant(
        "6: a decision follows the accepted one",
        Parts(patched=_patched(Entity, _arbitrate=fold.arbitrating(check_after=False))),
    ),
    # One event under several keys, and erasing.
    "withdrawals-forgotten": Plant(
        "3: a revision withdraws what it leaves out",
        Parts(patched=_patched(admission_module, derived_from=admission.derived_from_the_event_alone)),
        "services",
    ),
    "outputs-of-new-claims": Plant(
        "3: a position repeats its output, what is under other keys with it",
        Parts(admission=admission.OutputsOfNewClaims),
        "services",
    ),
    "suppression-forgotten": Plant(
        "erasing: what is sent again is dropped", Parts(claims=admission.LetsNamesIn), "services"
    ),
    "erased-names-kept": Plant("erasing: texts lose the name", Parts(eraser=admission.LeavesTexts), "services"),
    "restricted-names-shown": Plant(
        "erasing: what is restricted is kept from sight", Parts(eraser=admission.ShowsTheRestricted), "services"
    ),
    "restricted-for-ever": Plant(
        "erasing: a restriction ends with its last day", Parts(eraser=admission.RestrictsForever), "services"
    ),
    "restricted-are-erased": Plant(
        "erasing: what is restricted is kept", Parts(eraser=admission.KeepsNothing), "services"
    ),
    # More.
    "positions-lowered": Plant("4: the position moves up only", Parts(claims=admission.LowersPositions)),
    "replaced-forgotten": Plant(
        "3: the same position, the same output", _judging(admission.judge_forgetting_what_it_replaced)
    ),
    "judged-by-the-clock": Plant("3, 7: now is the append time", Parts(admission=admission.WallClock)),
    "repeats-folded": Plant(
        "4: a reader passes over repeats",
        Parts(patched=_patched(processor_module, type_and_position=fold.no_positions)),
    ),
    "one-position-for-all": Plant(
        "4: positions are per inbox partition",
        Parts(patched=_patched(processor_module, type_and_position=fold.one_source)),
    ),
    "producer-kept": Plant("4: a failure throws the producer away", Parts(appender=admission.KeepsItsProducer)),
    "told-after-commit": Plant("5: the public topic is told before the commit", Parts(processor=fold.TellsAfterCommit)),
    "saved-outside": Plant(
        "5: everything in one transaction",
        Parts(patched=_patched(states_module, StateSession=fold.WritesOutsideTransaction)),
    ),
    "commit-believed": Plant("5: an uncertain commit is looked up", Parts(patched=fold.uncertain_commits_count)),
    "older-seek-wins": Plant(
        "5: a batch begins at the stored position", Parts(reader=fold.OlderSeeksWin, processor=fold.NoBeginCheck)
    ),
    "ends-are-losses": Plant(
        "2: anybody may write the inbox, in transactions too", Parts(reader=fold.reader_without_gaps)
    ),
    "no-catch-up": Plant("7: due days are decided first", Parts(patched=_patched(Entity, _catch_up=fold.no_catch_up))),
    "pending-kept": Plant(
        "6: another's decision ends what is pending",
        Parts(patched=_patched(Entity, _arbitrate=fold.arbitrating(drop=False))),
    ),
    "not-marked-due": Plant(
        "6: another's decision marks the customer due",
        Parts(patched=_patched(Entity, _arbitrate=fold.arbitrating(mark=False))),
    ),
    "thawed": Plant("8: a frozen customer stays frozen", Parts(processor=fold.ThawsFrozen)),
    "moved-unchecked": Plant("5: a position moves from where a batch begins", Parts(states=fold.MovesUnchecked)),
    "kept-uncommitted": Plant("5: what is kept is what was committed", Parts(processor=fold.KeepsUncommitted)),
    "kept-for-good": Plant(
        "5: what is kept holds while the position does", Parts(patched=_patched(Kept, clear=fold.never_cleared))
    ),
    "kept-across-assignments": Plant(
        "5: another owner may have folded meanwhile", Parts(processor=fold.KeepsAcrossAssignments)
    ),
    "wrong-base": Plant(
        "5: a difference is to what stands", Parts(patched=_patched(Kept, put=fold.put_with_first_base))
    ),
    "field-not-removed": Plant(
        "5: a document is the fold", Parts(patched=_patched(processor_module, difference=fold.nothing_removed))
    ),
    "piece-forgotten": Plant("5: a state holds what it touches", Parts(domain=fold.NeedsOnlyTheNewDay)),
    "half-folded": Plant("8: a failing record leaves no trace", Parts(processor=fold.FreezesHalfFolded)),
    # What the feed tells.
    "sequence-moved-first": Plant("a change leaves before the commit", Parts(processor=fold.TellsAfterCommit), "feed"),
    "change-told-once": Plant("after a crash a change is told again", Parts(processor=feed.TellsOnce), "feed"),
    "losers-told": Plant(
        "6: only the decision that won is told", Parts(patched=_patched(Feed, accepts=feed.accepts_all)), "feed"
    ),
    "changes-coalesced": Plant("a change for each record", Parts(processor=feed.Coalesces), "feed"),
    "batch-in-change": Plant("a change depends on no batch", Parts(processor=feed.TellsTheBatch), "feed"),
    "reviews-told": Plant(
        "a review is told where it moved the business day",
        Parts(patched=_patched(feed_module, evolve=feed.evolve_telling_each_review)),
        "feed",
    ),
    "marks-too-far": Plant("who starts at a mark misses nothing", Parts(telling=feed.MarksTooFar), "feed"),
}
