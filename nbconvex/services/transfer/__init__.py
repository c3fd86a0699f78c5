"""Data in, data out: imports and exports of whole tables and whole stores."""
