"""What is done with all records of a store."""
