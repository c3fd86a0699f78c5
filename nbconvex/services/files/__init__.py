"""Files: their documents, the bytes behind them, the addresses by which they come and go. How bytes travel over HTTP
belongs to the server, how they lie on a disk to storage; in doubt: is it about one file and who may have it? Then here.
"""
