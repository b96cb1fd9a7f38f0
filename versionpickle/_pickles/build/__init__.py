"""Build objects, and those that C's unpickler cannot."""
