"""Data: the tables that people make, their records, and what there is in the database and whose it is."""
