"""Durable bytes. No notion of a transaction's isolation, of schemas or of conflicts. Doubtful case: if it would
matter to a store that has only one reader and one writer, it belongs here.
"""
