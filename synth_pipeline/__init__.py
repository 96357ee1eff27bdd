"""The pipeline: the engine's stages as Dagster assets, one partition per dataset.

Belongs here: what is materialised when, from which dataset, and how that is shown. Does not belong here: any
computation on the data that the engine can do; this package calls the engine and reports on it.
"""
