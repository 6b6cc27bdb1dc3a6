"""The database: handles bound to principals, units of work, the one writer, the access policy, migrations."""
