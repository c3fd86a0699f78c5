"""What the dashboard shows and does, panel by panel; in doubt: would it be the same on a page that no notebook is
around? Then it belongs here.
"""
