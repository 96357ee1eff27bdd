"""Encodings as released versions stored them must still load and mean the same codes.

A format that changes gets a new file here, named after the version that brings it; the old files stay.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter

from synth_engine.encodings import AnyEncoding, Encoding
from tests.encodings.columns import build, reserved
from tests.encodings.test_encodings_meanings import check_complete

FOLDER = Path(__file__).parent / "golden"
ANY: TypeAdapter[Encoding] = TypeAdapter(AnyEncoding)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_a_stored_encoding_still_gives_the_same_codes(path):
    stored = json.loads(path.read_text())
    encoding = ANY.validate_python(stored["encoding"])
    # As it was stored, but for fields that came later: these have their defaults.
    assert encoding.model_dump(mode="json", exclude_unset=True) == stored["encoding"]
    assert ANY.validate_python(encoding.model_dump(mode="json")) == encoding
    entities = np.array(stored["entities"]) if "entities" in stored else None
    codes = encoding.encode_events(build(stored["values"], encoding.dtype), entities)
    assert codes.tolist() == stored["codes"]
    again = encoding.encode_events(encoding.decode_events(codes, entities, np.random.default_rng(0)), entities)
    assert (codes == again)[~reserved(encoding, codes)].all()
    check_complete(encoding)


def test_every_encoding_has_a_stored_one():
    stored = {json.loads(path.read_text())["encoding"]["encoding_type"] for path in FOLDER.glob("*.json")}
    registered = {kind.model_fields["encoding_type"].default for kind in Encoding.__subclasses__()}
    assert stored == {str(kind) for kind in registered}
