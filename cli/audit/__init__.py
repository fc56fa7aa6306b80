"""The auditor: what `gpubroker audit` reads of a running market, and how it tells of it."""
