"""Users and their passwords, sessions and tokens, projects, roles, and the permissions that follow from them."""
