"""Who may touch which table: grants and refusals, which are the kernel's, shown and decided."""
