"""Purchases, refunds, amendments and voids: which day they count on, and what they leave."""

from tests.services.tiering.given import amended, given, pounds, purchase, refund, tier_changed, voided, wholesale


def test_the_first_purchase_makes_a_general_customer() -> None:
    wholesale().when(pounds("500", "2026-01-10")).then(
        tier_changed("general", on="2026-01-10", from_="potential", cause="first_purchase", version=1, after=None)
    )


def test_a_large_first_purchase_leads_straight_to_the_tier_that_holds() -> None:
    # 8 x 10 + 6 = 86
    wholesale().when(pounds("100000", "2026-01-10")).then(tier_changed("strategic", score="86.0"))


def test_the_window_is_365_days_with_today() -> None:
    one = wholesale(pounds("5000", "2026-01-10"), "2027-01-09")
    assert one.row["net_365d"] == "5000.00"
    one.when("2027-01-10").then(tier_changed("general", on="2027-01-10", cause="net", score="6.0"))
    assert (one.row["net_365d"], one.row["net_730d"]) == ("0.00", "5000.00")


def test_after_730_days_without_a_purchase_the_customer_is_dormant() -> None:
    one = wholesale(pounds("500", "2026-01-10"), "2028-01-09")
    assert (one.tier, one.row["net_730d"]) == ("general", "500.00")
    one.when("2028-01-10").then(tier_changed("potential", on="2028-01-10", cause="net", dormant=True))
    assert one.row["first_purchase_on"] == "2026-01-10"


def test_a_decision_that_time_brings_is_made_as_of_its_day_however_late_the_next_event() -> None:
    wholesale(pounds("5000", "2026-01-10")).when(pounds("5000", "2028-06-01")).then(
        tier_changed("general", on="2027-01-10", cause="net", set_off_by=None),
        tier_changed("potential", on="2028-01-10", cause="net", set_off_by=None),
        tier_changed("priority", on="2028-06-01", cause="score", set_off_by="e3"),
    )


def test_a_refund_counts_on_its_own_day() -> None:
    one = wholesale(pounds("5000", "2026-01-10"), refund("4000", "2026-03-01", currency="GBP"))
    assert (one.row["net_365d"], one.row["net_90d"]) == ("1000.00", "1000.00")
    one.when("2027-01-10")
    assert one.row["net_365d"] == "-4000.00"


def test_a_refund_counts_on_the_day_of_purchase_where_that_is_given() -> None:
    one = wholesale(
        pounds("5000", "2026-01-10"), refund("4000", "2026-03-01", purchased_on="2026-01-10", currency="GBP")
    ).when("2027-01-10")
    assert (one.row["net_365d"], one.row["net_730d"]) == ("0.00", "1000.00")


def test_a_window_may_be_net_negative() -> None:
    one = wholesale(pounds("100", "2026-01-10"), refund("400", "2026-01-11", currency="GBP"))
    assert (one.row["net_365d"], one.tier, one.row["dormant"]) == ("-300.00", "potential", True)


def test_an_amendment_replaces_the_record_whole() -> None:
    first = pounds("5000", "2026-01-10")
    one = wholesale(first).when(amended(first, "2026-02-01", amount="50.00"))
    one.then(tier_changed("general", on="2026-02-01", cause="score"))
    assert one.row["net_365d"] == "50.00"


def test_an_amendment_can_move_a_record_to_another_day() -> None:
    first = pounds("5000", "2026-01-10")
    one = wholesale(first, amended(first, "2026-02-01", occurred_on="2026-01-15"))
    assert (one.row["first_purchase_on"], one.row["net_365d"]) == ("2026-01-15", "5000.00")


def test_a_void_leaves_no_purchase() -> None:
    first = pounds("5000", "2026-01-10")
    one = (
        wholesale(first)
        .when(voided(first, "2026-01-20"))
        .then(tier_changed("potential", on="2026-01-20", cause="net", dormant=False))
    )
    assert "first_purchase_on" not in one.row
    assert "b" not in one.row["fold"]


def test_a_new_revision_after_a_void_counts() -> None:
    first = pounds("5000", "2026-01-10")
    gone = voided(first, "2026-01-20")
    again = pounds("700", "2026-01-10", recorded_on="2026-01-21", revision=3, replaces=gone)
    assert wholesale(first, gone, again).row["net_365d"] == "700.00"


def test_revisions_that_cross_net_out() -> None:
    first = pounds("5000", "2026-01-10")
    second = amended(first, "2026-01-20", amount="600.00")
    third = amended(second, "2026-01-20", amount="70.00")
    crossed, in_order = wholesale(first, third, second).row, wholesale(first, second, third).row
    for name in ("fold", "fold:GBP:180", "fold:bought:180"):
        assert crossed[name] == in_order[name]


def test_occurred_on_wins_over_time() -> None:
    one = wholesale(pounds("500", "2026-01-10", counts_on="2026-01-08"))
    assert one.row["first_purchase_on"] == "2026-01-08"


def test_a_fact_of_a_day_to_come_counts_from_that_day() -> None:
    one = wholesale(pounds("500", "2026-01-10", counts_on="2026-01-12"))
    one.then()
    assert "first_purchase_on" not in one.row
    one.when(pounds("1", "2026-01-20")).then(tier_changed("general", on="2026-01-12", set_off_by=None))


def test_a_late_fact_corrects_sums_from_now_on_and_no_earlier_decision() -> None:
    one = wholesale(pounds("500", "2026-01-10"), "2026-03-01").when(
        pounds("4500", "2026-01-05", recorded_on="2026-03-02")
    )
    one.then(tier_changed("priority", on="2026-03-02", version=2))
    assert one.row["first_purchase_on"] == "2026-01-05"


def test_a_purchase_outside_every_window_changes_no_sum_but_may_be_the_first() -> None:
    one = wholesale(pounds("500", "2026-06-01"), pounds("900", "2024-06-01", recorded_on="2026-06-02"))
    assert (one.row["net_730d"], one.row["first_purchase_on"]) == ("500.00", "2024-06-01")
    assert one.factor("growth") == 5.5  # 500 more than nothing, against the floor of 10,000


def test_a_refunded_first_purchase_stands_and_a_voided_one_does_not() -> None:
    first = pounds("500", "2026-01-10")
    later = pounds("500", "2026-02-10")
    refunded = wholesale(first, later, refund("500", "2026-03-01", purchased_on="2026-01-10", currency="GBP"))
    assert refunded.row["first_purchase_on"] == "2026-01-10"
    assert wholesale(first, later, voided(first, "2026-03-01")).row["first_purchase_on"] == "2026-02-10"


def test_backfilled_facts_are_decided_as_of_their_time() -> None:
    wholesale().when(
        pounds("5000", "2024-01-10", recorded_on="2026-06-01", backfill=True),
        pounds("100", "2025-05-01", recorded_on="2026-06-01", backfill=True),
    ).then(tier_changed("priority", on="2024-01-10"), tier_changed("general", on="2025-01-09", cause="net"))


def test_currencies_are_kept_and_converted_unrounded_when_deciding() -> None:
    # 100 minor units of yen-like rates would vanish if each were rounded: 3 x 0.047 = 0.141
    one = given(*[purchase("1", "2026-01-10", currency="JPY") for _ in range(3)])
    assert one.row["net_365d"] == "0.14"
    one.when(purchase("1000.01", "2026-01-10", currency="USD"))
    assert one.row["net_365d"] == "7100.21"


def test_a_currency_without_a_rate_is_in_no_sum_and_flagged() -> None:
    one = given(purchase("5000", "2026-01-10", currency="CHF"))
    assert (one.tier, one.row["net_365d"], one.row["flags"]) == ("potential", "0.00", {"unconverted": ["CHF"]})
    assert (one.row["dormant"], one.row["first_purchase_on"]) == (True, "2026-01-10")
    one.when("2028-01-10")
    assert "flags" not in one.row


def test_money_beyond_64_bits_is_kept_exactly() -> None:
    huge = [purchase("9999999999999.99", "2026-01-10", margin="0.123456") for _ in range(20)]
    one = given(*huge)
    assert one.row["net_365d"] == "199999999999999.80"
    state, standing = one.domain.load("customer:c", one.row)
    assert one.domain.document(state, standing) == one.row


def test_at_risk_compares_with_the_same_90_days_a_year_earlier() -> None:
    one = wholesale(pounds("1000", "2025-03-01"), pounds("499", "2026-03-01"))
    assert one.row["at_risk"]
    assert "at_risk" not in one.when(pounds("1", "2026-03-01")).row


def test_at_risk_compares_with_the_90_days_before_where_that_year_had_nothing() -> None:
    one = wholesale(pounds("1000", "2026-01-10"), "2026-04-09")
    assert "at_risk" not in one.row
    assert one.when("2026-04-10").row["at_risk"]
    assert "at_risk" not in one.when("2026-07-09").row


def test_growth_is_unknown_until_the_first_purchase_is_730_days_old() -> None:
    one = wholesale(pounds("10000", "2024-01-10"), pounds("10000", "2025-06-01"), "2026-01-08")
    assert one.factor("growth") == "unknown"
    assert one.when("2026-01-09").factor("growth") == 10.0  # nothing is left of the year before: (10,000 - 0) / 10,000


def test_growth_stays_unknown_for_what_is_bought_the_day_before() -> None:
    one = wholesale(pounds("10000", "2024-01-10"), pounds("10000", "2026-01-08"))
    assert one.factor("growth") == "unknown"
