"""The only room that knows SQL: one file a subject, typed functions over asyncpg."""
