"""Shadow models: what is memorised is found, what is a coin is not, and parts can be made anywhere in any order."""

import sys
from pathlib import Path

import numpy as np
import pytest

from synth_engine import analyze, encode, split, train
from synth_engine.audit import AuditPlan, Shadow, finish_audit, plan_audit, train_shadow
from synth_engine.domain import ArtefactError, InputError
from synth_engine.workspace import Artefact, Workspace

sys.path.append(str(Path(__file__).parent.parent / "evaluation"))
from populations import people


def plan_of(n_shadows: int = 12, n_targets: int = 60) -> AuditPlan:
    return AuditPlan(
        data_version="x", n_rows=200, targets=list(range(n_targets)), n_shadows=n_shadows, max_epochs=1, seed=3
    )


def answers(plan: AuditPlan, gain: float, epsilon: float | None = None) -> list[Shadow]:
    """Shadows whose scores are noise, a level of each target's own and, where it was in, a gain."""
    rng = np.random.default_rng(0)
    level = rng.normal(0, 3, len(plan.targets))
    made = []
    for number in range(plan.n_shadows):
        is_in = plan.coins(number)
        scores = [(level + gain * is_in + rng.normal(size=len(level))).tolist() for _ in range(2)]
        guarantee = {"epsilon": epsilon, "delta": None if epsilon is None else 1e-5}
        made.append(Shadow(number=number, is_in=is_in.tolist(), likelihood=scores[0], nearness=scores[1], **guarantee))
    return made


def test_what_says_nothing_is_chance():
    """The interval leaves out the truth for one seed in twenty; for this one it does not."""
    found = finish_audit(plan_of(), answers(plan_of(), gain=0.0))
    assert found.by_likelihood.auc.lower < 0.5 < found.by_likelihood.auc.upper
    assert found.by_likelihood.least_epsilon == 0


def test_the_more_is_told_the_higher_every_figure():
    found = [finish_audit(plan_of(), answers(plan_of(), gain)).by_likelihood for gain in (0.0, 1.0, 2.0, 6.0)]
    for name in ("auc", "at_1_percent"):
        values = [getattr(each, name).value for each in found]
        assert values == sorted(values)
    assert found[-1].auc.lower > 0.95
    assert found[-1].least_epsilon > found[1].least_epsilon


def test_levels_of_targets_are_no_news():
    """Some people are always unlikely; compared with themselves they tell as much as others."""
    assert finish_audit(plan_of(), answers(plan_of(), gain=2.0)).by_likelihood.auc.value > 0.85


def test_a_claim_that_is_broken_is_disproved_and_one_that_holds_is_not():
    assert finish_audit(plan_of(), answers(plan_of(), gain=6.0, epsilon=0.5)).is_disproved
    assert not finish_audit(plan_of(), answers(plan_of(), gain=0.0, epsilon=0.5)).is_disproved
    assert not finish_audit(plan_of(), answers(plan_of(), gain=6.0)).is_disproved  # nothing was claimed


def test_the_order_of_shadows_does_not_matter_and_none_may_be_missing():
    plan = plan_of()
    shadows = answers(plan, gain=1.0)
    assert finish_audit(plan, shadows[::-1]) == finish_audit(plan, shadows)
    with pytest.raises(InputError, match="each once"):
        finish_audit(plan, shadows[1:])
    with pytest.raises(InputError, match="of this plan"):
        finish_audit(plan.model_copy(update={"seed": 4}), shadows)


def test_coins_are_fair_and_independent():
    """Of 4,000 throws the share is within 0.04 of a half but for one seed in two million."""
    plan = plan_of(n_shadows=40, n_targets=100)
    thrown = np.array([plan.coins(number) for number in range(40)])
    assert abs(thrown.mean() - 0.5) < 0.04
    assert (plan.coins(0) != plan.coins(1)).any()


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> str:
    place = str(tmp_path_factory.mktemp("audited"))
    split(people(300, seed=1), workspace_dir=place, random_state=0)
    analyze(workspace_dir=place, value_protection=False)
    encode(workspace_dir=place)
    train(workspace_dir=place, max_epochs=1, model="MOSTLY_AI/Small", random_state=0)
    return place


def test_targets_are_people_who_stand_out(trained):
    plan = plan_audit(trained, n_targets=20, n_rows=150)
    assert len(plan.targets) == 20
    assert plan.n_rows == 150
    assert plan == plan_audit(trained, n_targets=20, n_rows=150)


def test_a_shadow_is_the_same_each_time(trained):
    plan = plan_audit(trained, n_targets=20, n_rows=150, n_shadows=2, max_epochs=1)
    one, same = train_shadow(trained, plan, 0), train_shadow(trained, plan, 0)
    assert one == same
    assert one.epsilon is None
    assert finish_audit(plan, [train_shadow(trained, plan, 1), one]).n_targets == 20


def test_what_cannot_be_audited_says_so(trained, tmp_path):
    with pytest.raises(ArtefactError, match="run split first"):
        plan_audit(tmp_path / "none")
    table = people(300, seed=1).append_column("person", [[f"p{place // 3}" for place in range(300)]])
    split(table, tgt_context_key="person", workspace_dir=tmp_path / "events")
    with pytest.raises(InputError, match="events of subjects"):
        plan_audit(tmp_path / "events")
    split(people(40, seed=1), workspace_dir=tmp_path / "few")
    with pytest.raises(InputError, match="at least 100"):
        plan_audit(tmp_path / "few")
    plan = plan_audit(trained, n_rows=150)
    split(people(300, seed=2), workspace_dir=tmp_path / "other")
    assert Workspace(tmp_path / "other").manifest(Artefact.TGT_DATA).digest != plan.data_version
    with pytest.raises(ArtefactError, match="have changed"):
        train_shadow(tmp_path / "other", plan, 0)


@pytest.mark.slow
def test_settings_that_memorise_are_found_and_differential_privacy_holds(tmp_path):
    def audited(name: str, epsilon: float | None) -> object:
        place = str(tmp_path / name)
        split(people(400, seed=1), workspace_dir=place, random_state=0)
        values = {"value_protection_epsilon": epsilon} if epsilon else None
        analyze(workspace_dir=place, value_protection=bool(epsilon), differential_privacy=values)
        encode(workspace_dir=place)
        noise = {"target_epsilon": epsilon} if epsilon else {"noise_multiplier": 1e-6, "max_grad_norm": 100.0}
        train(workspace_dir=place, max_epochs=2, model="MOSTLY_AI/Small", differential_privacy=noise, random_state=0)
        plan = plan_audit(place, n_shadows=8, n_targets=60, n_rows=300, max_epochs=60 if not epsilon else 5)
        return finish_audit(plan, [train_shadow(place, plan, number) for number in range(8)])

    memorised = audited("memorised", None)
    assert memorised.by_likelihood.auc.lower > 0.6
    private = audited("private", 2.0)
    assert private.epsilon == pytest.approx(4.0, rel=0.3)
    assert not private.is_disproved
    assert private.by_likelihood.auc.value < memorised.by_likelihood.auc.value
