"""Migrations: going over the documents of a table once, batch by batch, and remembering how far that has come.
What a batch writes belongs to the database, how it looks to `notebook`; in doubt: would it matter after a crash in the
middle? Then it belongs here.
"""
