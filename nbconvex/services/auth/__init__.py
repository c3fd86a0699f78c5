"""From a token to an identity: providers, keys, verification. What a request or a socket does with the answer belongs
to the server; in doubt: does it need a token or a key? Then it belongs here.
"""
