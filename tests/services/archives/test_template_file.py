"""Templates as people write them (services/archives/template_file.py)."""

import pytest

from services.archives.template_difference import differences
from services.archives.template_file import OWN, make_templates, own_templates, read_template
from shared.errors import Malformed

CP = (OWN / "cp-1.yaml").read_text(encoding="utf-8")


def test_guanxis_own_are_those_of_the_design() -> None:
    cp, vp = own_templates()
    assert (cp.id, vp.id, cp.min_chars) == ("cp/1", "vp/1", 10)
    assert [item.name for item in cp.items] == [item.name for item in vp.items]
    counts = [
        [sum(tier in item.required_of for item in one.items) for tier in ("strategic", "partner", "priority")]
        for one in (cp, vp)
    ]
    assert counts == [[20, 15, 5], [10, 10, 0]]
    assert {kind: [one.id for one in versions] for kind, versions in make_templates().items()} == {
        "cp": ["cp/1"],
        "vp": ["vp/1"],
    }


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ("version: 1", "version: 0", "line 4: version: Input should be greater"),
        ("name: cp", "nmae: cp", "name: Field required"),
        ("item: economy", "item: politics_law", "'politics_law' stands in it twice"),
        ("item: economy", "item: Economy", "line 11"),
        ("  macro:", "  weather:", "weather"),
        ("[strategic, partner, priority]", "[strategic, general]", "not of general"),
        ("[strategic, partner, priority]", "[vital]", "line 10"),
        ("min_chars: 10", "min_chars: 0", "min_chars"),
        ("sections:", "sections: [", "not YAML"),
    ],
)
def test_a_slip_is_named_with_its_line(was: str, becomes: str, said: str) -> None:
    assert was in CP
    with pytest.raises(Malformed, match=r"file\.yaml, line \d+: ") as error:
        read_template(CP.replace(was, becomes, 1), "file.yaml")
    assert said in str(error.value)


def test_a_template_has_no_more_items_than_a_revision() -> None:
    items = "".join(f"    - {{item: i{number}}}\n" for number in range(41))
    with pytest.raises(Malformed, match="1 to 40 items"):
        read_template(CP[: CP.index("sections:")] + f"sections:\n  pain:\n{items}", "file.yaml")


def test_differences_name_items_and_who_requires_them() -> None:
    changed = CP.replace("item: economy", "item: money").replace("[strategic, partner, priority]", "[strategic]", 1)
    found = differences(read_template(CP, "a"), read_template(changed.replace("min_chars: 10", "min_chars: 20"), "b"))
    assert [tuple(one) for one in found] == [
        ("min_chars", "10", "20"),
        ("macro.politics_law", "required of strategic, partner, priority", "required of strategic"),
        ("macro.economy", "required of strategic, partner", "-"),
        ("macro.money", "-", "required of strategic, partner"),
    ]
    assert not differences(read_template(CP, "a"), read_template(CP, "a"))
