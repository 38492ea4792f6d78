"""The rules of tiering, pure: state, windows, factors, tiers, entitlements."""
