"""One module per engine under test, run as a process in that engine's environment; `session` is what they share.

These modules run inside both environments, so they import only what both have: pandas, psutil, torch and the standard
library.
"""
