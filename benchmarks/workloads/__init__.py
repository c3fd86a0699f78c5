"""The workloads of the performance page, W1 to W7, W11 to W15 and S5.

What belongs here: what is measured, on how much, against whom, and the targets. What must not: how a peer does it.
When in doubt: would another peer's adapter have to change with this line? Then it belongs to `peers`.
"""
