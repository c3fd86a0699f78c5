"""Documents as typed, columnar tables, and the SQL that is asked of them. All of it is derived, and can be thrown away
at any time. Snapshots and transactions belong to the database, which hands in versions of tables; in doubt: does it
need DuckDB to answer a SELECT? Then it belongs here.
"""
