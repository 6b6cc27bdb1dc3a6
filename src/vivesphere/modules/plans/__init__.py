"""Plans: versioned definitions of steps, their runs, and the journal that carries a run through a crash."""
