"""SQLite: one file, connections under an authorizer, four reading threads and the one writer."""
