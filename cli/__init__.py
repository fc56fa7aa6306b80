"""The `gpubroker` command: the market for people and scripts, over its HTTP API."""
