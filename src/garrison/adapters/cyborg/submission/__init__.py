"""Files of an exported submission; :mod:`garrison.adapters.cyborg.export` copies them as they are.

They run beside CybORG with NumPy alone, without Garrison.
"""
