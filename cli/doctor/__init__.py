"""What is wrong with a market, and what to do about it."""
