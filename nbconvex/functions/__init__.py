"""User code meets transactions: definitions, contexts, runs, live queries. Knows no port, socket or notebook.
Doubtful case: if it needs IPython, it belongs in the notebook room.
"""
