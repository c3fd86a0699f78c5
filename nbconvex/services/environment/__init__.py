"""The variables of a store: what functions need to know and no notebook should hold. How a function reads one belongs
to `functions`; in doubt: does it change one, or tell of them? Then it belongs here.
"""
