"""Things that functions lean on and that outlive a call: who is calling, and later files and schedules. Neighbours here
do not know each other, the server or a notebook; in doubt: is it needed where nobody uses the network? Then it is here.
"""
