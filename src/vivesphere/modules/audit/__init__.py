"""The audit log: what matters to the security of this server, and the HTTP face of the recorded events."""
