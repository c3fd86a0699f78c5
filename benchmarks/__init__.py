"""Workloads of nbconvex measured against its peers, interleaved in one run (`python -m benchmarks`).

What belongs here: adapters to peers, workloads, the harness. What must not: anything that the package imports or that a
test needs. When in doubt: does it produce a ratio?
"""
