"""What is needed to run has a licence that is named, and none that would bind who uses it."""

import pytest

from docs._licences import CORE, DEVELOPMENT, is_copyleft, markdown, packages

ALL = packages()
TO_RUN = [each for each in ALL if each.version is not None and set(each.needed_by) - {DEVELOPMENT}]


@pytest.mark.parametrize("name", ["torch", "pyarrow", "pydantic", "fsspec"])
def test_who_needs_what(name):
    assert CORE in next(each for each in ALL if each.name == name).needed_by


def test_extras_bring_what_they_need():
    needed_by = {each.name: each.needed_by for each in ALL}
    assert needed_by["psycopg2-binary"] == ("aws",)
    assert needed_by["transformers"][0] == "language"
    assert set(needed_by["pytest"]) == {DEVELOPMENT}
    assert [name for name, extras in needed_by.items() if not extras] == [
        each.name for each in ALL if each.version is None and not each.needed_by
    ]


def test_each_has_a_licence():
    assert len(TO_RUN) > 50
    assert [each.name for each in TO_RUN if not each.licence] == []


def test_none_is_under_the_gpl():
    assert [(each.name, each.licence) for each in TO_RUN if is_copyleft(each.licence)] == []


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("GPL-3.0-or-later", True),
        ("AGPL-3.0-only", True),
        ("GNU General Public License v3 (GPLv3)", True),
        ("GNU Affero General Public License v3", True),
        ("MIT AND GPL-2.0-only", True),
        ("GPL-2.0-only OR MIT", False),
        ("LGPL with exceptions", False),
        ("LGPL-3.0-only", False),
        ("GNU Library or Lesser General Public License (LGPL)", False),
        ("Apache-2.0", False),
    ],
)
def test_what_counts_as_the_gpl(licence, expected):
    assert is_copyleft(licence) is expected


def test_the_page_lists_them():
    page = markdown()
    assert all(f"| {each.name} | {each.version} |" in page for each in TO_RUN)
