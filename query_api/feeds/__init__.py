"""WebSocket feeds: what happens in the market, told to whoever may know it, as it happens."""
