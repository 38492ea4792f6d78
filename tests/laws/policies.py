"""The oracle's policies in the form of the tiering service; that the policy files say the same is a test of its own."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from services.tiering.policy import Policy, Rung
from shared.policies.entitlements import read_entitlements
from tests.oracle import policies as oracle


def service_policies(policies: Sequence[oracle.Policy]) -> tuple[Policy, ...]:
    return tuple(_service_policy(policy) for policy in policies)


def _service_policy(policy: oracle.Policy) -> Policy:
    return Policy(
        name=policy.name,
        version=policy.version,
        effective_on=policy.effective_on,
        base_currency=policy.currency,
        rates={currency: _decimal(rate) for currency, rate in policy.rates.items()},
        unknown=_hundredths(policy.unknown),
        weights=tuple(policy.weights[name] for name in oracle.FACTORS),
        unapproved_at_most=_hundredths(policy.rated_without_approver),
        volume=_points(policy.volume),
        growth_floor=_decimal(policy.growth_floor),
        growth=_points(policy.growth),
        margin=_points(policy.margin),
        payment=(1000, 700, 400, 200, 0),
        unpaid_over=Decimal("0.1"),
        unpaid_at_most=200,
        ladder=tuple(
            Rung(
                rank=oracle.TIERS.index(tier),
                enter=int(rank.enter * 10),
                hold=int(rank.hold * 10),
                gates=tuple((oracle.FACTORS.index(name), _hundredths(least)) for name, least in rank.gates.items()),
                approval=rank.approval,
            )
            for tier, rank in policy.ranks.items()
        ),
        entitlements=read_entitlements(None),
    )


def _points(points: oracle.Points) -> tuple[tuple[Decimal, int], ...]:
    return tuple((_decimal(x), _hundredths(y)) for x, y in points)


def _hundredths(points: Fraction) -> int:
    return int(points * 100)


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)
