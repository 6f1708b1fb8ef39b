"""Timelines played through the judge without a database: scenarios that test rules, and histories played again."""
