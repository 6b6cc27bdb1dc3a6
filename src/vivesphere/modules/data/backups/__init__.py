"""Backups, and the upkeep of the whole database."""
