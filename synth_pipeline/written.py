"""Columns that a language model writes, as they look on an asset's page."""

from decimal import Decimal
from typing import Any

import numpy as np

from synth_engine.encodings import LanguageEncoding


def written_record(name: str, encoding: LanguageEncoding, protected: bool) -> dict[str, str]:
    """What is known of a column. Ranges are left out where they are not protected: they would be somebody's values."""
    facts = encoding.model_dump()
    return {
        "column": name,
        "encoding": str(encoding.type),
        "kept": unbroken(_kept(facts, protected)) if encoding.has_values else "nothing",
        "rare": _rare(facts, protected),
        "nulls": "yes" if encoding.has_nulls else "no",
        "cardinalities": "",
    }


def _kept(facts: dict[str, Any], protected: bool) -> str:
    if "categories" in facts:
        return f"{len(facts['categories']):,} categories"
    if "common" in facts:
        longest = f"up to {facts['limit']:,} characters, " if protected else ""
        return f"{longest}{len(facts['common']):,} common words"
    if not protected:
        return ""
    bounds = facts["low"], facts["high"]
    if "decimals" in facts:
        return " to ".join(f"{Decimal(bound).scaleb(-facts['decimals']):,f}" for bound in bounds)
    return " to ".join(str(np.datetime64(bound, "ms").astype("datetime64[D]")) for bound in bounds)


def _rare(facts: dict[str, Any], protected: bool) -> str:
    if not protected:
        return "kept"
    if "has_rare" in facts:
        return "left out" if facts["has_rare"] else "none"
    return "spelled" if "common" in facts else "cut off"


def unbroken(text: str) -> str:
    """The text without places where a narrow table would break it."""
    return text.replace(" ", "\u00a0").replace("-", "\u2011")
