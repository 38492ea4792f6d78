"""The policy files say what the design's tables say."""

from dataclasses import replace

import pytest

from local.stack.paths import REPOSITORY
from services.tiering.policy_file import read_policy
from tests.laws.policies import service_policies
from tests.oracle.policies import default_cny, wholesale_gbp

FOLDER = REPOSITORY / "deploy" / "policies"


@pytest.mark.parametrize(("name", "table"), [("default-cny", default_cny), ("wholesale-gbp", wholesale_gbp)])
def test_a_policy_file_is_the_table_of_the_design(name: str, table: type) -> None:
    read = read_policy((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"), name)
    (expected,) = service_policies([table(read.effective_on, read.version)])
    if name == "wholesale-gbp":  # what is said of factors that weigh nothing says nothing
        unweighed = ("margin", "payment", "unpaid_over", "unpaid_at_most", "unapproved_at_most")
        expected = replace(expected, **{field: getattr(read, field) for field in unweighed})
    assert read == expected
