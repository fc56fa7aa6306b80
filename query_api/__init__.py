"""The HTTP API: parses, stamps and appends commands, and tells what the views hold."""
