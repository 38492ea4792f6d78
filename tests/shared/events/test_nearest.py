"""What an unknown name was probably meant to be (shared/events/nearest.py)."""

import pytest

from shared.events.nearest import nearest
from shared.events.registry import FACTS

FIELDS = ("purchase_id", "amount", "currency", "margin_rate", "product_line", "occurred_on")
TYPES = tuple(FACTS)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("amont", "amount"), ("Amount", "amount"), ("AMOUNT", "amount"), ("ammount", "amount"), ("amount ", "amount"),
        ("purchaseId", "purchase_id"), ("purchase-id", "purchase_id"), ("PurchaseID", "purchase_id"),
        ("marginRate", "margin_rate"), ("curency", "currency"), ("occurredOn", "occurred_on"),
        ("colour", None), ("x", None), ("", None), ("a" * 1000, None), ("金额", None),
    ],
)  # fmt: skip
def test_fields(name: str, meant: str | None) -> None:
    assert nearest(name, FIELDS) == meant


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("guanxi.purchase.recorded", "guanxi.purchase.recorded.v1"),
        ("guanxi.purchase.recorded.v2", "guanxi.purchase.recorded.v1"),
        ("guanxi.purchases.recorded.v1", "guanxi.purchase.recorded.v1"),
        ("com.guanxi.purchase.recorded.v1", "guanxi.purchase.recorded.v1"),
        ("PurchaseRecorded", "guanxi.purchase.recorded.v1"),
        ("guanxi.tier.override.lifted.v1", "guanxi.tier_override.lifted.v1"),
        ("GUANXI.VISIT.LOGGED.V1", "guanxi.visit.logged.v1"),
        ("com.github.pull_request.opened", None),
    ],
)
def test_types(name: str, meant: str | None) -> None:
    assert nearest(name, TYPES) == meant
