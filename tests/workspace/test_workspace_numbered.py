"""Numbered files: on every store, of several that replace a version one succeeds."""

from concurrent.futures import ThreadPoolExecutor

from synth_engine.workspace import NumberedFile, Workspace


def test_whoever_has_seen_an_old_version_replaces_nothing(workspace: Workspace):
    file = NumberedFile(workspace.root / "numbered")
    assert file.read() == (0, None)
    assert file.replace(0, {"by": 1})
    assert not file.replace(0, {"by": 2})
    assert file.replace(1, {"by": 3})
    assert not file.replace(0, {"by": 4})  # its number is free again, but it is not the newest
    assert file.read() == (2, {"by": 3})
    file.rewrite(2, {"by": 5})
    assert file.read() == (2, {"by": 5})


def test_of_many_at_once_one_succeeds(workspace: Workspace):
    file = NumberedFile(workspace.root / "numbered")
    with ThreadPoolExecutor(6) as threads:
        for number in range(3):
            attempts = [
                threads.submit(NumberedFile(workspace.root / "numbered").replace, number, {"by": place})
                for place in range(6)
            ]
            [winner] = [place for place, attempt in enumerate(attempts) if attempt.result()]
            assert file.read() == (number + 1, {"by": winner})
