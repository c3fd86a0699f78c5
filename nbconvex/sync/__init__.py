"""The sync protocol of the official clients, as data and a state machine. What knows a socket, a thread, a clock or a
backend does not belong here; in doubt: can a test drive it with plain values alone? Then it does.
"""
