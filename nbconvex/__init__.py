"""A reactive backend inside your notebook."""

__version__ = "0.1.0"
