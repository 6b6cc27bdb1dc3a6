"""The broker: SQL of plugins and people, read by a gate, run by the engine under their own names, given back within limits."""
