"""PostgreSQL: units of work under roles of their principals, on threads with a pool of connections each."""
