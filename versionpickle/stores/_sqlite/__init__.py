"""A store of our own: one SQLite file."""
