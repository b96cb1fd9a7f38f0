"""The shape of the pickle module's own dumps."""
