"""What scikit-learn asks of an estimator, without scikit-learn."""

from __future__ import annotations

import inspect
from typing import Any, Self

from ferrolm.errors import InvalidArgumentError, nearest

__all__ = ["Estimator"]


class Estimator:
    """Parameters are the arguments of ``__init__``, which stores them as they are; `fit` looks at them."""

    _requires_fit = True

    @classmethod
    def _names(cls) -> list[str]:
        return [name for name in inspect.signature(cls.__init__).parameters if name != "self"]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """All parameters by name."""
        return {name: getattr(self, name) for name in self._names()}

    def set_params(self, **params: Any) -> Self:
        """Change parameters; an unknown name raises `InvalidArgumentError` that proposes the nearest."""
        known = self._names()
        for name, value in params.items():
            if name not in known:
                raise InvalidArgumentError(
                    f"unknown parameter {name!r}{nearest(name, known)}; known: {', '.join(known)}"
                )
            setattr(self, name, value)
        return self

    def _is_fitted(self) -> bool:
        return True

    def __sklearn_is_fitted__(self) -> bool:
        return self._is_fitted()

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags  # nobody else calls this

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(),
            input_tags=InputTags(two_d_array=False, string=True),
            requires_fit=self._requires_fit,
        )

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self).__init__).parameters
        changed = (
            f"{name}={value!r}"
            for name, value in self.get_params().items()
            if value is not defaults[name].default and value != defaults[name].default
        )
        return f"{type(self).__name__}({', '.join(changed)})"
