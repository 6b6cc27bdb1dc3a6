"""Tables that people make: their shape, made and changed."""
