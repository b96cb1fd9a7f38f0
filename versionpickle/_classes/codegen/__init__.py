"""The code generated for one class."""
