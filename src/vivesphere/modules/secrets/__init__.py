"""Secrets: the vault's face. Keeps bots' credentials and keys of outside services, and gives each back to its storer alone."""
