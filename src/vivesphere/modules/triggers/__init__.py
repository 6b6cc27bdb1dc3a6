"""Triggers: what starts work by itself, when it is due, and the history of what came of it."""
