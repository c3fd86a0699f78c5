"""Transactions over documents: snapshots, read sets, conflicts, queries, the commit path. Knows no user function and
no wire. Doubtful case: if it mentions a function's name for any purpose but a message, it belongs in the functions
room.
"""
