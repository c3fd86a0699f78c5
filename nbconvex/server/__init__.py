"""The network: addresses, HTTP, sockets. What a message means belongs to `sync`, what a function does to `functions`;
in doubt: does it need a port or a request? Then it belongs here.
"""
