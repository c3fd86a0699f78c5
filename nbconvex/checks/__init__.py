"""What could be better about an app, seen from its code and from what ran; in doubt: does it advise an author, and
change nothing? Then it belongs here.
"""
