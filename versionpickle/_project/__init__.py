"""The guard of a project: what its classes stored, and whether old data still finds its way."""
