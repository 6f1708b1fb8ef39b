"""Empties the outbox: one file a ticket system or notification channel."""
