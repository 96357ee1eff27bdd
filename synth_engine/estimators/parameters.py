"""Parameters of an estimator by scikit-learn's rules, without scikit-learn."""

import inspect
from typing import Any, Self

from synth_engine.domain import InputError


class Parameters:
    """An estimator whose constructor does nothing but store its arguments under their names.

    They are looked at when they are used, so that `sklearn.base.clone` can make an equal, unfitted one.
    """

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments. `deep` is of scikit-learn's interface; none of them holds another estimator."""
        return {name: getattr(self, name) for name in _defaults(type(self))}

    def set_params(self, **params: Any) -> Self:
        """Set some of the constructor's arguments, for the next `fit`; raises `InputError` for unknown ones."""
        known = _defaults(type(self))
        unknown = [name for name in params if name not in known]
        if unknown:
            raise InputError(f"{unknown[0]}: unknown parameter of {type(self).__name__}; expected {', '.join(known)}")
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        defaults = _defaults(type(self))
        shown = {name: _shown(getattr(self, name)) for name in defaults}
        changed = [f"{name}={text}" for name, text in shown.items() if text != _shown(defaults[name])]
        return f"{type(self).__name__}({', '.join(changed)})"

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn asks of estimators; nobody else calls it, so it is there to be imported."""
        from sklearn.utils import Tags, TargetTags

        return Tags(estimator_type="density_estimator", target_tags=TargetTags(required=False))


def _defaults(cls: type) -> dict[str, Any]:
    signature = inspect.signature(cls)
    return {name: parameter.default for name, parameter in signature.parameters.items()}


def _shown(value: Any) -> str:
    """Data is not printed: representations end up in logs."""
    return f"<{type(value).__name__}>" if hasattr(value, "columns") else repr(value)
