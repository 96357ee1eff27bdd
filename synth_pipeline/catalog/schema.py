"""The JSON schema of a dataset's file, by which editors complete and check it.

Belongs here: what `DatasetConfig` is in JSON schema. Does not belong here: any key or its description.
"""

import json
import re
from typing import Any

from synth_pipeline.catalog.dataset import SAID_ELSEWHERE, DatasetConfig

SCHEMA_FILE = "dataset.schema.json"
MODELINE = f"# yaml-language-server: $schema={SCHEMA_FILE}"
"""The first line of a YAML file, from which editors know the schema beside it."""


def dataset_schema() -> dict[str, Any]:
    """JSON schema (2020-12) of a dataset's file; every key has a description, and those with few values list them.

    It says what can be said key by key. Which keys go together only the catalogue knows.
    """
    schema = DatasetConfig.model_json_schema()
    definitions = schema["$defs"]
    for definition in [schema, *definitions.values()]:
        _tidy(definition)
    of_split = definitions["SplitConfig"]["properties"]
    for name in SAID_ELSEWHERE:
        del of_split[name]
    for section in schema["properties"].values():
        if isinstance(section.get("default"), dict):  # each key in it has its own, and all may be left out
            del section["default"]
            section["anyOf"] = [{"$ref": section.pop("$ref")}, {"type": "null"}]
    category = definitions["CombinationsConstraint"]["properties"]["rows"]["items"]["items"]
    category["anyOf"] += [{"type": "number"}, {"type": "boolean"}]
    for definition in definitions.values():
        kind = definition.get("properties", {}).get("type", {})
        if "const" in kind:  # it tells which of several it is
            definition["required"] = ["type", *definition.get("required", [])]
            kind.pop("default", None)
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Dataset",
        "description": "A dataset: its table, and how its synthetic twin is made.",
    }
    return head | {name: value for name, value in schema.items() if name not in head}


def schema_text() -> str:
    """The schema as the content of a file."""
    return json.dumps(dataset_schema(), indent=2, ensure_ascii=False) + "\n"


def _tidy(node: Any) -> None:
    """Leave out titles, which repeat names, and markup of docstrings."""
    if isinstance(node, list):
        for item in node:
            _tidy(item)
    elif isinstance(node, dict):
        if isinstance(node.get("title"), str):
            del node["title"]
        if isinstance(node.get("description"), str):
            node["description"] = re.sub(r"`+", "`", " ".join(node["description"].split()))
        for value in node.values():
            _tidy(value)
