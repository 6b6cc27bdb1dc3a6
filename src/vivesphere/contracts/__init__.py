"""The events and requests of each module, and nothing else: one file a module."""
