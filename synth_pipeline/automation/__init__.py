"""What starts runs by itself, and what is told when they fail: sensors over pure decisions.

Belongs here: when which job is requested for which dataset. Does not belong here: what the jobs do (`assets`), what may
be said of a dataset (`catalog`).
"""
