"""SQL of people: one statement in, rows out."""
