"""What a value is: how it is written, compared, described and checked. Pure: no state, no input or output. Doubtful
case: if it needs to know which documents exist, it belongs in the database room.
"""
