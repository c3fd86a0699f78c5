"""The command line: notebooks and files, served and used without Jupyter, also where IPython is not installed. In
doubt: what a notebook would want too belongs further down.
"""
