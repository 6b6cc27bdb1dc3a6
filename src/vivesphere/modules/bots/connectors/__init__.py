"""One file a platform: each speaks its protocol and knows nothing of bots, databases or commands."""
