"""Benchmarks of one tokenizer family run together, so that only its vocabulary is in memory."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    families: list[str] = []

    def order(item: pytest.Item) -> int:
        family = getattr(item, "callspec", None) and item.callspec.params.get("family")
        if family is None:
            return -1
        if family not in families:
            families.append(family)
        return families.index(family)

    items.sort(key=order)  # stable: inside a family the order of the files stays
