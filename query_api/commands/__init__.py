"""What changes something: one function an endpoint, from a call to an answer."""
