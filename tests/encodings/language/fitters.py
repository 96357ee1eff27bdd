"""What the tests of language encodings share: all of them, and which types of columns each takes."""

import pytest

from synth_engine.encodings.language import language_fitter, language_types

LANGUAGE_FITTERS = [language_fitter(kind) for kind in language_types()]

by_encoding = pytest.mark.parametrize("by", LANGUAGE_FITTERS, ids=lambda by: by.type.removeprefix("LANGUAGE_").lower())
