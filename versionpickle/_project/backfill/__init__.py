"""Make schemas, samples and steps of the versions from before a project used versionpickle."""
