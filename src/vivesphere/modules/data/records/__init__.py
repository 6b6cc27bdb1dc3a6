"""What stands in the tables that people make."""
