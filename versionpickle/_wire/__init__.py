"""What is in a stream: refs, stamps, and the functions that streams name."""
