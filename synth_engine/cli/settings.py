"""From options to the arguments of the verbs, checked before the first stage begins and not hours later."""

from typing import Any

from synth_engine.domain import AnalyzeConfig, GenerateConfig, InputError, ModelType, SplitConfig, TrainConfig

Settings = dict[str, Any]
# Any of these asks for differential privacy of training.
OF_TRAINING = {"max_epsilon", "target_epsilon", "noise_multiplier", "max_grad_norm"}


def for_split(**settings: Any) -> Settings:
    """Arguments of `split`, checked."""
    SplitConfig.of(**settings)
    return settings


def for_analyze(no_value_protection: bool, seed: int | None, privacy: Settings) -> Settings:
    """Arguments of `analyze`."""
    settings: Settings = {"value_protection": not no_value_protection, "random_state": seed}
    if {"value_protection_epsilon", "dataset_epsilon"} & privacy.keys():
        settings["differential_privacy"] = privacy
    elif "delta" in privacy and not OF_TRAINING & privacy.keys():
        raise InputError(
            "--delta: expected --value-protection-epsilon beside it, found none; add it or leave delta out"
        )
    AnalyzeConfig.of(**settings)
    return settings


def for_train(
    *,
    no_flexible_generation: bool,
    device: str | None,
    privacy: Settings,
    model_type: ModelType | None,
    **settings: Any,
) -> Settings:
    """Arguments of `train`; most have the names of the options."""
    from synth_engine.stages.models import check_model

    settings["enable_flexible_generation"] = not no_flexible_generation
    if OF_TRAINING & privacy.keys():
        settings["differential_privacy"] = privacy
    TrainConfig.of(**settings)
    if model_type is not None:
        check_model(settings["model"], model_type)
    return settings | _device(device)


def given(**privacy: Any) -> Settings:
    """Settings of differential privacy that were given; none of them turns it on where it is not meant."""
    return {name: value for name, value in privacy.items() if value is not None}


def for_generate(
    *,
    device: str | None,
    rebalance: list[str] | None = None,
    impute: list[str] | None = None,
    fair: str | None = None,
    sensitive: list[str] | None = None,
    **settings: Any,
) -> Settings:
    """Arguments of `generate`; most have the names of the options."""
    settings["rebalancing"] = _rebalancing(rebalance) if rebalance else None
    settings["imputation"] = {"columns": impute} if impute else None
    settings["fairness"] = _fairness(fair, sensitive or [])
    GenerateConfig.of(**settings)
    return settings | _device(device)


def _rebalancing(items: list[str]) -> Settings:
    shares: dict[str, float] = {}
    columns: set[str] = set()
    for item in items:
        column, separator, rest = item.partition("=")
        value, colon, share = rest.rpartition(":")
        try:
            shares[value] = float(share)
        except ValueError:
            separator = ""
        if not separator or not colon:
            raise InputError(f"--rebalance: expected COLUMN=VALUE:SHARE, found {item!r}")
        columns.add(column)
    if len(columns) > 1:
        found = ", ".join(repr(column) for column in sorted(columns))
        raise InputError(f"--rebalance: expected categories of one column, found columns {found}")
    return {"column": columns.pop(), "probabilities": shares}


def _fairness(target: str | None, sensitive: list[str]) -> Settings | None:
    if target is None and not sensitive:
        return None
    if target is None or not sensitive:
        raise InputError("--fair and --sensitive: expected both, found one of them; add the other or leave both out")
    return {"target_column": target, "sensitive_columns": sensitive}


def _device(device: str | None) -> Settings:
    from synth_engine.stages.devices import resolve_device

    resolve_device(device)
    return {"device": device}


def encodings(items: list[str] | None, option: str) -> dict[str, str]:
    """Encoding types by column, as an option was given them."""
    found: dict[str, str] = {}
    for item in items or []:
        column, separator, kind = item.rpartition("=")
        if not separator:
            raise InputError(f"{option}: expected COLUMN=TYPE, found {item!r}")
        if column in found:
            raise InputError(f"{option}: expected every column once, found {column!r} again")
        found[column] = kind
    return found
