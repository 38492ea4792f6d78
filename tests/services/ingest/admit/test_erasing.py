"""Names of erased persons in texts: found by a hash, replaced where they can be nothing else, listed elsewhere."""

import pytest

from services.ingest.admit.erasing import REPLACED, Forgetting, HashedName, Kept, find_names, hashed_name, without_names

KEY, SECRET = "customer:c", b"key of a deployment"


def hashed(*names: str) -> frozenset[HashedName]:
    found = [hashed_name(KEY, name, SECRET) for name in names]
    return frozenset(one for one in found if one is not None)


def forgetting(*names: str, restricts: bool = False) -> Forgetting:
    return Forgetting(KEY, "p-7", hashed(*names), SECRET, restricts)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("与王小明会面，王小明同意", f"与{REPLACED}会面，{REPLACED}同意"),
        ("王 小明 agrees", f"{REPLACED} agrees"),
        ("王\u200b小明", REPLACED),
        ("nobody", "nobody"),
    ],
)
def test_a_name_is_replaced_wherever_it_stands(text: str, left: str) -> None:
    assert forgetting("王小明").forget(Kept(text), ()) == (Kept(left), False)


@pytest.mark.parametrize("text", ["ANN LEE came", "Ann  Lee came", "Ａｎｎ Lee came", "annlee came", "Ann\nLee came"])
def test_case_width_and_spaces_do_not_hide_a_name(text: str) -> None:
    assert forgetting("Ann Lee").forget(Kept(text), ()) == (Kept(f"{REPLACED} came"), False)


def test_accents_count_however_they_are_written() -> None:
    assert forgetting("Ren\u00e9").forget(Kept("Rene\u0301 came"), ()) == (Kept(f"{REPLACED} came"), False)
    assert forgetting("Ren\u00e9").forget(Kept("Rene came"), ()) == (Kept("Rene came"), False)


@pytest.mark.parametrize(("name", "text"), [("张伟", "张伟来了"), ("Bo", "Bo came"), ("Mark", "the market grows")])
def test_a_short_name_and_one_within_a_word_wait_for_a_steward(name: str, text: str) -> None:
    assert forgetting(name).forget(Kept(text), ()) == (Kept(text), True)
    assert REPLACED in (forgetting(name).confirmed(Kept(text)).text or "")


def test_the_longest_of_several_names_counts() -> None:
    found = find_names("Ann Lee Smith", KEY, hashed("Ann Lee", "Ann Lee Smith"), SECRET)
    assert without_names("Ann Lee Smith", found) == REPLACED


def test_a_hash_finds_a_name_at_its_own_customer_and_deployment_only() -> None:
    assert find_names("王小明", "customer:other", hashed("王小明"), SECRET) == []
    assert find_names("王小明", KEY, hashed("王小明"), b"another key") == []


def test_a_text_that_mentions_the_person_goes_whole() -> None:
    assert forgetting("王小明").forget(Kept("the CFO decides"), ("p-7",)) == (Kept(None), False)
    assert forgetting("王小明").forget(Kept("the CFO decides"), ("p-8",)) == (Kept("the CFO decides"), False)


def test_a_restriction_keeps_what_was_there_until_it_ends() -> None:
    hidden, _ = forgetting("王小明", restricts=True).forget(Kept("王小明 agrees"), ())
    assert hidden == Kept(f"{REPLACED} agrees", "王小明 agrees", ("p-7",))
    assert forgetting("王小明", restricts=True).forget(hidden, ()) == (hidden, False)
    assert forgetting("王小明").forget(hidden, ()) == (Kept(f"{REPLACED} agrees"), False)


def test_what_is_kept_for_another_loses_the_erased_name() -> None:
    both = Kept("…", "王小明 and Ann Lee", ("p-7", "p-8"))
    assert forgetting("王小明").forget(both, ())[0] == Kept("…", f"{REPLACED} and Ann Lee", ("p-8",))


def test_a_name_without_a_visible_character_finds_nothing() -> None:
    assert hashed_name(KEY, " \u200b", SECRET) is None
