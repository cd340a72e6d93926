"""Python bootstrap."""
