"""Settings: shows every setting with its value, where the value comes from, and what it means."""
