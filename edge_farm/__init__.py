"""The start of the ``farm`` command: a name that no other package has.

It imports the standard library alone, so that it works where another package has written over farm's other files.
"""
