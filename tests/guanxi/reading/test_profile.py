"""What `guanxi profile` says to people, over what archives shows of customers."""

from typer.testing import CliRunner

from guanxi.cli import app
from guanxi.reading.profile import profiles
from services.archives.template_file import OWN
from services.archives.views.lists import grants_in_python, profiles_in_python
from shared.events.facts import AccessGranted
from tests.services.archives.given import CP, Story, at, texts


def text_of(story: Story) -> str:
    document = {"_id": "c", **story.row}
    return profiles(profiles_in_python(document), grants_in_python(document))


def test_of_a_customer_of_whom_nothing_is_required() -> None:
    story = Story()
    story.until("2026-01-01")
    text = text_of(story)
    assert "c  potential" in text
    assert "no item is required of this tier" in text
    assert "missing" not in text


def test_of_a_strategic_customer() -> None:
    story = Story()
    story.tier("strategic", "2026-01-01")
    story.cp((*texts(*CP[:19]), *texts("moon")), "2026-01-02", grade="secret", grade_until=at("2026-12-31").date())
    story.vp("V-9", texts("growth"), "2026-01-03")
    end = at("2026-05-31").date()
    grant = AccessGranted(
        grant_id="g", grantee="r-9", max_grade="top_secret", purpose="bid", approved_by="s", expires_on=end
    )
    story.told(grant, "2026-04-01")
    story.until("2026-04-03")
    text = text_of(story)
    for part in (
        "profile  template cp/1  grade top secret until 2026-12-31",
        "lapsed        95.00 % of 20 items, 0.00 % fresh; due 2026-01-31",
        "missing       our_answer (due 2026-01-31)",
        "politics_law (since 2026-04-02)",
        "not counted: moon",
        "vendor V-9  template vp/1",
        "1 of 2 profiles of vendors",
        "r-9 up to top secret through 2026-05-31: holds",
    ):
        assert part in text
    assert "ten chars." not in text


def test_templates_are_checked_and_compared_without_a_server() -> None:
    said = CliRunner().invoke(app, ["template", "check", str(OWN / "vp-1.yaml")])
    assert "vp/1, 20 items; required: 10 of strategic, 10 of partner, 0 of priority" in said.output
    assert CliRunner().invoke(app, ["template", "diff", "cp/1", str(OWN / "cp-1.yaml")]).output == "no difference\n"
    said = CliRunner().invoke(app, ["template", "diff", "cp/1", "vp/1"])
    assert "macro.society" in said.output
    assert CliRunner().invoke(app, ["template", "check", "nowhere.yaml"]).exit_code == 1
