"""What a market promised and must keep, as pure judges: of facts, of states, of views.

The simulator (`tests/sim`) asks them of the market in one process, `gpubroker audit` of one that
runs.
"""
