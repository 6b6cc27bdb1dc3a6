"""Backups: made while the server writes, whole on disk before they get their names, verified by opening, sealed if asked."""
