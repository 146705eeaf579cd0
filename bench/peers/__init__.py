"""One script per peer, each run by an interpreter of the peers' own environment (see setup.py)."""
