"""Errors of the catalogue: each names its file and line, and says what was expected, what was found, what to do."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from upath import UPath

from synth_pipeline.catalog import Catalog, CatalogError, DatasetConfig
from synth_pipeline.catalog.documents import MAX_BYTES, parse

S = "source: x.csv\n"


@pytest.fixture
def said(tmp_path):
    """What is said of a text as the file of a dataset, without the folder."""
    catalog = Catalog(UPath(tmp_path))

    def of(content, name="shop"):
        path = catalog.path(name)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(CatalogError) as caught:
            catalog.load(name)
        return str(caught.value).replace(f"{tmp_path}/", "").splitlines()

    return of


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("primary_key: id\n", ["1: source: is missing; expected path or any fsspec URL of a .csv, .csv.gz or "]),
        (f"{S}\n# a comment\nepoch: 3\n", ["4: epoch: unknown key; expected one of source, primary_key, "]),
        (f"{S}trian: 3\n", ["2: trian: unknown key; did you mean train?"]),
        (f"{S}max_epochs: 3\n", ["2: max_epochs: unknown key here; say it as train.max_epochs"]),
        (f"{S}train:\n  cron: 0 6 * * *\n", ["3: train.cron: unknown key here; say it as cron"]),
        (f"{S}train:\n  max_epochs: -1\n", ["3: train.max_epochs: expected a number of at least 0, found -1"]),
        (f"{S}split:\n  trn_val_split: 1\n", ["3: split.trn_val_split: expected a number below 1, found 1"]),
        (f"{S}drift:\n  threshold: 0\n", ["3: drift.threshold: expected a number above 0, found 0"]),
        (f"{S}drift:\n  threshold: true\n", ["3: drift.threshold: expected a number, found true"]),
        (f"{S}drift:\n  threshold: .nan\n", ["3: drift.threshold: expected a finite number, found nan"]),
        (f"{S}drift: 0.3\n", ["2: drift: expected keys and values, found 0.3"]),
        (
            f"{S}generate:\n  sampling_top_p: 2\n",
            ["3: generate.sampling_top_p: expected a number of at most 1, found 2"],
        ),
        (f"{S}train:\n  batch_size: 1.5\n", ["3: train.batch_size: expected a whole number, found 1.5"]),
        (f"{S}train:\n  batch_size: many\n", ["3: train.batch_size: expected a whole number, found 'many'"]),
        (f"{S}train:\n  batch_size: true\n", ["3: train.batch_size: expected something else than a truth value, "]),
        (f"{S}watch: perhaps\n", ["2: watch: expected true or false, found 'perhaps'"]),
        (f"{S}leave_out: a\n", ["2: leave_out: expected a list such as [a, b], found 'a'"]),
        (
            f"{S}leave_out:\n  - a\n  - 7\n",
            ["4: leave_out.1: expected text, found 7; put it in quotes if it is meant as "],
        ),
        (
            f"{S}primary_key: 2019-05-01\n",
            ["2: primary_key: expected text, found the date 2019-05-01; put it in quotes"],
        ),
        ("source:\n", ["1: source: expected text, found nothing"]),
        ("source: ''\n", ["1: source: expected text that is not empty, found ''"]),
        (
            f"{S}encoding_types:\n  a: AUTO\n  b: CATEGORICAL\n",
            ["4: encoding_types.b: expected one of AUTO, TABULAR_CATEGORICAL, "],
        ),
        (
            f"{S}encoding_types:\n  2019: AUTO\n",
            ["3: encoding_types.2019: expected text as a key, found 2019; put it in "],
        ),
        (
            f"{S}encoding_types:\n  yes: AUTO\n",
            ["3: encoding_types.true: expected text as a key, found true; put it in "],
        ),
        (
            f"{S}train:\n  model_state_strategy: RESETT\n",
            ["3: train.model_state_strategy: expected one of RESET, REUSE, RESUME, found 'RESETT'; did you mean "],
        ),
        (f"{S}\ncontext: y\n", ["3: context: needs context_key beside it"]),
        (f"{S}split:\n  n_partitions: 2\n  tgt_primary_key: a\n", ["4: split.tgt_primary_key: say it as primary_key "]),
        (
            f"{S}train:\n  differential_privacy:\n    noise_multiplier: 2\n    target_epsilon: 1\n",
            ["5: train.differential_privacy: target_epsilon chooses the noise_multiplier"],
        ),
        (
            f"{S}generate:\n  constraints:\n    - {{type: range, column: a}}\n    - type: inequality\n      low: a\n",
            [
                "4: generate.constraints.0: low or high must be given",
                "5: generate.constraints.1.high: is missing; expected column that is never below low",
            ],
        ),
        (
            f"{S}generate:\n  constraints:\n    - column: a\n      type: rang\n",
            ["4: generate.constraints.0: expected a type that is 'inequality', 'range' or 'combinations', found "],
        ),
        (
            f"{S}generate:\n  constraints:\n    - type: range\n      column: a\n      low: [1]\n",
            ["6: generate.constraints.0.low: expected a whole number or a number or text, found a list"],
        ),
        (f"{S}cron: 0 6 * *\n", ["2: cron: expected five fields: minute, hour, "]),
        (f"{S}cron: 61 6 * * *\n", ["2: cron: expected five fields: minute, hour, "]),
        (f"{S}cron: '@daily'\n", ["2: cron: expected five fields: minute, hour, "]),
        (
            f"{S}timezone: Europe/Wien\n",
            ["2: timezone: expected a name of the IANA time zone database such as Europe/"],
        ),
        (f"{S}timezone: ../etc\n", ["2: timezone: expected a name of the IANA time zone database"]),
    ],
)
def test_what_is_wrong_is_told_with_its_line(said, text, lines):
    found = said(text)
    assert len(found) == len(lines), found
    for line, expected in zip(found, lines, strict=True):
        assert line.startswith(f"shop.yaml:{expected}")


def test_all_that_is_wrong_is_told_at_once_in_the_order_of_lines(said):
    text = "train:\n  lr: 1\n  max_epochs: x\ncron: no\nencoding_types: {a: b}\nwatch: 5\n"
    assert [line.split(": ")[0] for line in said(text)] == [f"shop.yaml:{line}" for line in (1, 2, 3, 4, 5, 6)]
    assert [line.split(": ")[1] for line in said(text)] == [
        *("source", "train.lr", "train.max_epochs", "cron", "encoding_types.a", "watch"),
    ]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("", "1: expected keys and values such as 'source: table.csv', found nothing"),
        ("- a\n", "1: expected keys and values such as 'source: table.csv', found a list"),
        ("source: [x\n", "2:1: is not valid YAML: while parsing a flow sequence, expected ',' or ']'"),
        ("source: x: y\n", "1:10: is not valid YAML: mapping values are not allowed here; text that holds ': ' has"),
        (
            f"{S}train:\n\tmax_epochs: 1\n",
            "3:1: is not valid YAML: while scanning for the next token, found a tab that",
        ),
        (f"{S}cron: * * * * *\n", "2:8: is not valid YAML: while scanning an alias, expected alphabetic or numeric"),
        (f"{S}cron: @daily\n", "2:7: is not valid YAML: while scanning for the next token, found character '@' that"),
        (f"{S}---\nsource: y.csv\n", "2:1: is not valid YAML: expected a single document in the stream, but found"),
        (f"{S}a: 2024-13-45\n", "2:4: is not valid YAML: no timestamp, although it looks like one; correct it, or put"),
        (f"{S}a: {'9' * 5000}\n", "2:4: is not valid YAML: no int, although it looks like one"),
        (f"{S}a: !!timestamp x\n", "2:4: is not valid YAML: no timestamp"),
        (
            f"{S}a: !!python/object/apply:os.system [x]\n",
            "2:4: expected plain values, found the tag !!python/object/app",
        ),
        (f"{S}a: !!binary eA==\n", "2:4: expected plain values, found the tag !!binary; leave it out"),
        (f"{S}? [a, b]\n: c\n", "2:3: expected a text as key, found a list or mapping"),
        (f"{S}a: &a [*a]\n", "2:4: expected values that end, found a reference to what it is part of"),
        ("[" * 500, "1: is not valid YAML: it is nested too deeply"),
        ("- " * 500, "1: is not valid YAML: it is nested too deeply"),
        (f"{S}a: \x00\n", "2:4: is not valid YAML: the character U+0000 must not be in it"),
        (
            b"source: x\n# caf\xe9\n",
            "2:6: expected UTF-8, found other bytes; convert it, for example by iconv -f windows",
        ),
        (S.encode("utf-16"), "1:1: expected UTF-8, found other bytes; convert it, for example by iconv -f utf-16"),
        (b"#" * (MAX_BYTES + 1), " expected the settings of a dataset, at most 1,000,000 bytes, found 1,000,001"),
    ],
)
def test_what_is_no_yaml_of_ours_is_told_with_line_and_column(said, content, line):
    assert said(content)[0].startswith(f"shop.yaml:{line}")


def test_keys_that_are_there_twice_are_told_with_both_lines(said):
    text = "source: x.csv\ntrain:\n  max_epochs: 1\n  'max_epochs': 2\nsource: y.csv\n"
    assert said(text) == [
        "shop.yaml:4: max_epochs: is there twice, first on line 3; keep one of them",
        "shop.yaml:5: source: is there twice, first on line 1; keep one of them",
    ]


def test_references_that_grow_without_bound_are_refused_at_once(said):
    laughs = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40))
    (line,) = said(f"a0: &a0 [x]\n{laughs}")
    assert line.startswith("shop.yaml:1: expected at most 100,000 values, found more, for they refer to each other")


def test_references_that_save_writing_are_followed_and_their_lines_known(tmp_path, said):
    catalog = Catalog(UPath(tmp_path))
    catalog.path("shop").write_text(f"{S}split: &seed\n  random_state: 5\ntrain:\n  <<: *seed\n  max_epochs: 2\n")
    dataset = catalog.load("shop")
    assert (dataset.train.random_state, dataset.train.max_epochs) == (5, 2)
    assert said(f"{S}split: &s\n  random_state: -1\ntrain:\n  <<: *s\n") == [
        f"shop.yaml:3: {name}.random_state: expected a number of at least 0, found -1" for name in ("split", "train")
    ]


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path):
    catalog = Catalog(UPath(tmp_path))
    catalog.path("shop").write_bytes(b"\xef\xbb\xbfsource: /x.csv\r\nprimary_key: id\r\n")
    assert catalog.load("shop") == DatasetConfig(source="/x.csv", primary_key="id")


def test_errors_of_related_datasets_name_the_line_of_the_relation(tmp_path, said):
    (line,) = said(f"{S}\ncontext_key: c\ncontext: none\n", "orders")
    assert line.startswith("orders.yaml:4: context: expected the name of a dataset (there are none), found 'none'")
    (tmp_path / "customers.yaml").write_text(S)
    (line,) = said(f"{S}\ncontext_key: c\ncontext: customers\n", "orders")
    assert line.startswith("orders.yaml:4: context: expected a dataset with a primary key")


def test_what_does_not_come_from_a_file_is_told_by_where_alone():
    with pytest.raises(CatalogError, match=r"^settings: source: is missing.*\nsettings: watch: expected true or false"):
        DatasetConfig.validated({"watch": []}, "settings")


@settings(max_examples=40)
@given(st.text(max_size=60))
def test_any_text_is_settings_or_an_error_of_ours(text):
    content = text.encode("utf-8", "surrogatepass")
    try:
        DatasetConfig.of(parse(content, "shop.yaml"))
    except CatalogError as error:
        found = [problem.file for problem in error.problems]
    else:
        found = []
    assert set(found) <= {"shop.yaml"}


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_KEYS = st.sampled_from([*DatasetConfig.model_fields, "max_epochs", "constraints", "differential_privacy", "type"])


@settings(max_examples=40)
@given(st.dictionaries(_KEYS, st.dictionaries(_KEYS, _VALUES, max_size=3) | _VALUES, max_size=4))
def test_whatever_the_values_are_errors_name_a_line_of_the_file(said):
    text = yaml.safe_dump(said)
    try:
        DatasetConfig.of(parse(text.encode(), "shop.yaml"))
    except CatalogError as error:
        problems = error.problems
    else:
        problems = ()
    assert all(1 <= problem.line <= len(text.splitlines()) for problem in problems)
    assert all("\n" not in problem.text for problem in problems)
