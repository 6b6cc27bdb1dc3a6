"""The event bus: typed topics, namespaces, rate limits, live delivery, requests and the log."""
