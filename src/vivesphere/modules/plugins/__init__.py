"""Plugins: what lies in the plugins folder, what of it is enabled, and the way to its commands and tools. Owns `plugins`."""
