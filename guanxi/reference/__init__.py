"""The generated references in docs/reference/."""
