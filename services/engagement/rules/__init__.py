"""The rules of engagement, one idea a module; pure (architecture.md, invariant 7)."""
