"""Files: their documents, the bytes behind them, and the addresses by which they come and go. How bytes travel over HTTP
belongs to the server, how they lie on a disk to storage; in doubt: does it concern one file and who may have it? Here.
"""
