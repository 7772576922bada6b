# SPDX-License-Identifier: GPL-3.0-or-later
"""The option that turns the short campaign into the long one, for tests that have both forms."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="all seeds and all steps of the campaigns (`make faults`)")


@pytest.fixture
def long(request: pytest.FixtureRequest) -> bool:
    """Whether this is the long campaign."""
    return bool(request.config.getoption("--long"))


@pytest.fixture(autouse=True)
def own_state(state_folder: Path) -> Path:
    """No fault touches the user's own state."""
    return state_folder
