"""Records in whole files: imports and exports."""
