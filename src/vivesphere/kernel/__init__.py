"""The mechanisms every module stands on: bus, database, effects, lifetimes. Knows no module."""
