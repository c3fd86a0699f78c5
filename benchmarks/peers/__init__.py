"""One adapter a peer, one file each, all with the same small surface (`contract.Peer`).

What belongs here: how a peer stores the benchmark's document. What must not: timing. When in doubt: would the figure
change its meaning if this line stood in one adapter only? Then it belongs to the worker.
"""
