"""Code that exists only to fit somebody else's interface; nothing else in the package imports it.

transformers.py     `FerrolmLogitsProcessor`: our sampling steps inside ``model.generate``
"""
