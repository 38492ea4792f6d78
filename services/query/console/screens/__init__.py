"""The screens, in the order of the menu."""

from services.query.console.screens import (
    approvals,
    concerns,
    coverage,
    customer,
    customers,
    design,
    health,
    help_,
    policies,
    refused,
    satisfaction,
    staffing,
    subscriptions,
    tiers,
    today,
    week,
    why,
)

START = "today"
SCREENS = (
    today.SCREEN,
    week.SCREEN,
    customers.SCREEN,
    tiers.SCREEN,
    coverage.SCREEN,
    staffing.SCREEN,
    approvals.SCREEN,
    concerns.SCREEN,
    satisfaction.SCREEN,
    policies.SCREEN,
    refused.SCREEN,
    subscriptions.SCREEN,
    health.SCREEN,
    customer.SCREEN,
    why.SCREEN,
    subscriptions.ONE,
    design.SCREEN,
    help_.SCREEN,
)
