"""Settings of differential privacy: the interface's fields as they are, and combinations that make no sense refused."""

import pytest

from synth_engine.domain import DifferentialPrivacyConfig, InputError


def test_the_fields_of_the_interface_keep_their_defaults():
    made = DifferentialPrivacyConfig().model_dump()
    assert {name: made[name] for name in list(made)[:5]} == {
        "max_epsilon": None,
        "delta": 1e-5,
        "noise_multiplier": 1.5,
        "max_grad_norm": 1.0,
        "value_protection_epsilon": None,
    }


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"target_epsilon": 2.4, "max_epsilon": 2.4, "dataset_epsilon": 2.4},
        {"target_epsilon": 2.4, "noise_multiplier": 1.5},
        {"max_epsilon": 0, "dataset_epsilon": 0, "dataset_delta": 0},
        {"accountant": "prv"},
        {"dataset_epsilon": 5, "max_epsilon": 9},
    ],
)
def test_settings_survive_a_file(values):
    made = DifferentialPrivacyConfig.of(**values)
    assert DifferentialPrivacyConfig.of(**made.model_dump(mode="json")) == made


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"target_epsilon": 1, "noise_multiplier": 2}, "target_epsilon chooses the noise_multiplier"),
        ({"target_epsilon": 2, "max_epsilon": 1}, r"target_epsilon \(2\) must not exceed max_epsilon \(1\)"),
        ({"target_epsilon": 2, "dataset_epsilon": 1}, r"target_epsilon \(2\) must not exceed dataset_epsilon \(1\)"),
        ({"dataset_delta": 1e-4}, "dataset_delta needs dataset_epsilon"),
        ({"target_epsilon": 0}, "target_epsilon: Input should be greater than 0"),
        ({"accountant": "GDP"}, "accountant: Input should be 'RDP' or 'PRV'"),
        ({"dataset_epsilon": -1}, "dataset_epsilon: Input should be greater than or equal to 0"),
        ({"dataset_epsilon": True}, "dataset_epsilon: .*truth value"),
        ({"dataset_epsilon": 1, "dataset_delta": 1}, "dataset_delta: Input should be less than 1"),
    ],
)
def test_what_makes_no_sense_is_refused(values, error):
    with pytest.raises(InputError, match=error):
        DifferentialPrivacyConfig.of(**values)
