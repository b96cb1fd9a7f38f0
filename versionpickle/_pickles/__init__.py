"""From bytes to objects and back."""
