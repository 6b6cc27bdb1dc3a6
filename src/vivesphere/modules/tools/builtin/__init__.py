"""The tools that come with the server, declared as a plugin declares its own; one file a category."""
