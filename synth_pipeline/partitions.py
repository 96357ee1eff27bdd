"""Partitions: one per dataset, added when a dataset is registered. The assets are the same for all datasets."""

from dagster import DagsterInstance, DynamicPartitionsDefinition

DATASET = "dataset"
datasets = DynamicPartitionsDefinition(name=DATASET)


def register(instance: DagsterInstance, name: str) -> None:
    """Add a dataset's partition, if it is not there yet."""
    instance.add_dynamic_partitions(DATASET, [name])
