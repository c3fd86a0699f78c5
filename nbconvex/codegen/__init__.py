"""Files that a web app needs to know a backend by: names and types, in JavaScript and TypeScript. What a validator
means belongs to `values`; in doubt: is its result source text of another language? Then it belongs here.
"""
