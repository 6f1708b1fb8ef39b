"""escalation.yaml: its form, what cannot be in it, the book that it makes, and what applying it would change."""
