"""What only tells: one function an endpoint, from a call to an answer."""
