"""What is in a pickle, without running any of it."""
