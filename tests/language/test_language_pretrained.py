"""Pretrained models with adapters, by way of folders as any other model comes in."""

import copy

import pytest
import torch

from synth_engine.language.pretrained import PretrainedNetwork, is_adapter
from synth_engine.language.pretrained_source import load_pretrained
from synth_engine.language.private_task import PrivateLanguageTask
from synth_engine.language.task import LanguageTask
from synth_engine.nn import Taps
from synth_engine.training import Learner, PlainStepper, Randomness, Schedule, WeightAverage
from synth_engine.training.gradients import EagerGradients
from synth_engine.training.private_stepper import PrivateStepper
from tests.language.helpers import N, make_records, natural
from tests.language.pretrained_helpers import KIND_OF_MODEL, save_model
from tests.tabular.helpers import seeded

CPU = torch.device("cpu")


@pytest.fixture(scope="module", params=KIND_OF_MODEL)
def loaded(request, tmp_path_factory):
    """A network whose adapters do something, and its vocabulary."""
    network, vocabulary = load_pretrained(str(save_model(tmp_path_factory.mktemp("m"), request.param)), CPU, rank=3)
    for i, parameter in enumerate(network.state_dict().values()):
        parameter.normal_(std=0.2, generator=seeded(i))
    return network, vocabulary


def random_tokens(network: PretrainedNetwork, n: int, longest: int) -> torch.Tensor:
    return torch.randint(0, network.size, (n, longest), generator=seeded(0))


def test_logits_depend_neither_on_other_records_nor_on_padding(loaded):
    network, _ = loaded
    tokens_BT, lengths_B = random_tokens(network, 3, 9), torch.tensor([5, 9, 1])
    together = network.logits(tokens_BT, lengths_B)
    assert together.shape == (3, 9, network.size)
    for i, length in enumerate(lengths_B.tolist()):
        alone = network.logits(tokens_BT[i : i + 1, :length], lengths_B[i : i + 1])
        torch.testing.assert_close(together[i, :length], alone[0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("pieces", [[1] * 6, [2, 1, 3], [6]], ids=str)
def test_reading_on_gives_the_same_logits(loaded, pieces):
    network, _ = loaded
    tokens_BT, done = random_tokens(network, 3, 6), 0
    expected = network.logits(tokens_BT, torch.tensor([6] * 3))
    state = network.start(3, CPU)
    for n in pieces:
        logits_BV, state = network.step(tokens_BT[:, done : done + n], state)
        done += n
        torch.testing.assert_close(logits_BV, expected[:, done - 1], atol=1e-5, rtol=1e-4)


def test_states_of_some_texts_leave_the_others_as_they_are(loaded):
    network, _ = loaded
    tokens_BT, rows = random_tokens(network, 4, 5), torch.tensor([3, 0, 3, 2, 1])
    _, state = network.step(tokens_BT[:, :3], network.start(4, CPU).select(rows[:4]))
    chosen, _ = network.step(tokens_BT[rows, 3:], state.select(rows))
    for _ in range(2):
        of_all, _ = network.step(tokens_BT[:, 3:], state)
        torch.testing.assert_close(chosen, of_all[rows], atol=1e-5, rtol=1e-4)


def test_saving_memory_changes_no_gradient(loaded):
    network, vocabulary = loaded
    batch = make_records(vocabulary).batch(torch.arange(N), natural(N))
    adapters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    found = []
    for taps in (None, Taps()):  # with taps everything is kept
        losses = network.losses(batch, taps=taps)
        assert network.training is (taps is None)
        found.append(torch.autograd.grad(losses.sum(), adapters))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def test_only_adapters_are_trained_averaged_and_stored(loaded):
    network, vocabulary = copy.deepcopy(loaded)
    records = make_records(vocabulary)
    task, randomness = LanguageTask(network, records, records, flexible=True), Randomness.of_seed(0)
    stepper = PlainStepper(network, task, randomness, gradients=EagerGradients(network, task))
    learner = Learner(network, stepper, Schedule(peak=1e-2), WeightAverage(network, 0.5))
    frozen = {name: parameter for name, parameter in network.named_parameters() if not is_adapter(name)}
    before = {name: parameter.clone() for name, parameter in frozen.items()}
    first = learner.snapshot()
    loss = task.validation_loss(network)
    for step in range(15):
        stepper.step(step, [torch.arange(N)], 2e-2, 0.0)
        learner.average.update()
    assert task.validation_loss(network) < 0.95 * loss
    assert all(torch.equal(parameter, before[name]) for name, parameter in frozen.items())
    for other in (learner.average.module, learner.best):
        mine = dict(other.named_parameters())
        assert all(mine[name] is parameter for name, parameter in frozen.items())
        assert not any(mine[name] is parameter for name, parameter in network.named_parameters() if is_adapter(name))
    assert first["network"].keys() == {name for name, _ in network.named_parameters() if is_adapter(name)}
    learner.keep_as_best()
    assert task.validation_loss(learner.best) == pytest.approx(task.validation_loss(learner.average.module))
    learner.restore(first)
    assert task.validation_loss(network) == loss == pytest.approx(task.validation_loss(learner.best))


def test_adapters_sit_beside_attention_and_mlp_but_not_the_last_layer(loaded):
    network, _ = loaded
    names = [name for name in network.state_dict() if "lora_A" in name]
    assert not any("lm_head" in name for name in names)
    assert any("mlp" in name for name in names)
    assert any("attn" in name for name in names)


def test_gradient_norms_equal_those_of_a_backward_pass_for_each_record(loaded):
    network, vocabulary = loaded
    batch = make_records(vocabulary).batch(torch.tensor([0, 3, 2, 3]), natural(4))
    taps = Taps()
    losses = network.losses(batch, taps=taps)
    squared = taps.squared_norms(losses)
    adapters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    assert sorted(map(id, taps.covered)) == sorted(map(id, adapters))
    for i, loss in enumerate(network.losses(batch, taps=Taps())):
        gradients = torch.autograd.grad(loss, adapters, retain_graph=True)
        expected = sum(gradient.double().square().sum() for gradient in gradients)
        torch.testing.assert_close(squared[i].double(), expected, rtol=1e-4, atol=1e-8)


def test_private_steps_change_adapters_alone(loaded):
    network, vocabulary = copy.deepcopy(loaded)
    task, before = PrivateLanguageTask(make_records(vocabulary), flexible=True), copy.deepcopy(network)
    stepper = PrivateStepper(
        network,
        task.batch_losses,
        Randomness.of_seed(0),
        max_grad_norm=0.1,
        noise_multiplier=1.0,
        records_per_step=N,
    )
    stepper.step(0, [torch.arange(N)], 1e-2, 0.0)
    others = dict(before.named_parameters())
    for name, parameter in network.named_parameters():
        assert torch.equal(parameter, others[name]) is not is_adapter(name)


def test_adapters_of_another_model_are_refused(loaded):
    network, _ = loaded
    state = {f"other.{name}": tensor for name, tensor in network.state_dict().items()}
    with pytest.raises(Exception, match="expected adapters of the same model"):
        network.load_state_dict(state)
