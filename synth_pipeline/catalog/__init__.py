"""The catalogue of datasets: one YAML file per dataset says where its table is and how its twin is to be made.

Belongs here: what can be said about a dataset, and how it is read from and written to files. Does not belong here:
running anything, and reading the table itself.
"""

from synth_pipeline.catalog.dataset import DEFAULT_SEED, DatasetConfig, DriftConfig
from synth_pipeline.catalog.errors import CatalogError, Problem
from synth_pipeline.catalog.folder import SUFFIX, Catalog
from synth_pipeline.catalog.names import RESERVED_NAMES, check_name, dataset_name, safe_name
from synth_pipeline.catalog.release import ReleaseConfig
from synth_pipeline.catalog.schema import SCHEMA_FILE, dataset_schema

__all__ = [
    "DEFAULT_SEED",
    "RESERVED_NAMES",
    "SCHEMA_FILE",
    "SUFFIX",
    "Catalog",
    "CatalogError",
    "DatasetConfig",
    "DriftConfig",
    "Problem",
    "ReleaseConfig",
    "check_name",
    "dataset_name",
    "dataset_schema",
    "safe_name",
]
