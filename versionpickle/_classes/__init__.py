"""One class: its fields, how its objects are stored and filled, and what users declare of it."""
