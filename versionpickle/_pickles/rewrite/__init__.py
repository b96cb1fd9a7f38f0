"""Pickles upgraded from bytes to bytes."""
