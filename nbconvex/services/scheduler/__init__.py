"""Calls for later: scheduled functions and crons, kept as documents in the store, and what runs them when they are due.
How a function is run belongs to `functions`, how a schedule is shown to `notebook`; in doubt: would it matter to a
program that nobody watches? Then it belongs here.
"""
