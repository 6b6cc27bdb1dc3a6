"""Copies a whole database into another one, of the same kind or of the other, and proves that nothing was lost."""
