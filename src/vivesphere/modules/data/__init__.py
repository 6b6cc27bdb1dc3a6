"""Data: shows which tables there are, whose they are, and their columns."""
