"""Benchmarks: the floors of the machine, the peers, and holdfast, over one shared workload."""
