"""The door: authenticate, validate, and commit before answering. Appends only."""
