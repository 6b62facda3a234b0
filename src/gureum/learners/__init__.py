"""Model families as building blocks: how each is built, its good configurations and its search space as data.

One file a family. `features.py` turns a table into what all of them take. Used by Autopilot and tuning, which never import
each other. Imports no gureum but errors and itself.
"""
