"""The catalogue as sensors see it: read again only when one of its files changed.

Belongs here: what sensors derive from datasets' files. Does not belong here: the files (`catalog`).
"""

import hashlib
import os
from dataclasses import dataclass

from synth_pipeline.automation.arrivals import Dataset
from synth_pipeline.automation.sights import folder_identity
from synth_pipeline.catalog import Catalog, CatalogError, DatasetConfig

# What says when a dataset is made, and not what is made.
_OF_NO_ACCOUNT = {"cron", "timezone", "watch", "drift"}


@dataclass(frozen=True)
class Known:
    """All datasets.

    Args:
        configs: Of those that can be made, by name.
        broken: What is wrong with the others.
        watched: Of those that can be made, what `arrivals` goes by, if their changes start runs.
    """

    configs: dict[str, DatasetConfig]
    broken: dict[str, CatalogError]
    watched: dict[str, Dataset]

    @property
    def parents(self) -> set[str]:
        """Datasets that others are made after."""
        return {config.parent for config in self.configs.values() if config.parent is not None}


_last: dict[str, tuple[str, Known]] = {}


def known_datasets(catalog: Catalog) -> Known:
    """The catalogue as it is now. Thousands of files take seconds to read, so what did not change is remembered."""
    place, identity = str(catalog.folder), folder_identity(catalog.folder)
    if place not in _last or _last[place][0] != identity:
        configs, broken = catalog.load_all()
        watched = {name: as_dataset(config) for name, config in configs.items() if config.watch}
        _last[place] = (identity, Known(configs, broken, watched))
    return _last[place][1]


def as_dataset(config: DatasetConfig) -> Dataset:
    """What `arrivals` goes by."""
    # Without defaults, so that a new setting of a later version changes nothing.
    settings = config.model_dump_json(exclude_defaults=True, exclude=_OF_NO_ACCOUNT)
    token = hashlib.sha256(settings.encode()).hexdigest()[:12]
    return Dataset(token, normal(config.source), config.parent)


def normal(source: str) -> str:
    """One spelling for a local path, with and without ``..``."""
    return source if "://" in source else os.path.normpath(source)
