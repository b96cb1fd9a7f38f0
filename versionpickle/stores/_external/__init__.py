"""Stores that others keep: folders, shelves and tables."""
