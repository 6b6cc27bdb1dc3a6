"""Bots, their accounts on chat platforms, the messages that come and go, and the router that turns a message into a command."""
