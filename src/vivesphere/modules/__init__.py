"""The modules. They are independent of one another and meet only on the bus."""
