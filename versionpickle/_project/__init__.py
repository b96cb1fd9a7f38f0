"""The schema check of a project: what its classes stored, and whether old data still loads."""
