"""Bytes on disk: where pickles are kept, under keys."""
