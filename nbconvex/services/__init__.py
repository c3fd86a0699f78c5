"""Things that functions lean on, which outlive a call: who is calling, and later files and schedules. Neighbours here
do not know each other, the server or a notebook; in doubt: would it be needed if nobody used the network? Then it is
here.
"""
