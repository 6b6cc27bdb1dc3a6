"""Data: shows which tables there are, whose they are, and what is in them."""
