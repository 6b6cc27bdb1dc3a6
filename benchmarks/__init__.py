"""How fast the running system is: one file a benchmark, each beside its peer."""
