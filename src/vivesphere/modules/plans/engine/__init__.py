"""What carries plans out: expressions, the graph of steps, the journal of a run, and the executor."""
