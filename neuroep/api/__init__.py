"""The Python face: the words of the command line as functions of names or objects, with results that show themselves.

Names, paths, specs, networks and torch modules come in by :mod:`neuroep.api.given`, so that all of it takes them alike.
"""
