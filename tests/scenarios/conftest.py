"""One running installation for each worker of the test run; every conversation has a repository of its own on it."""

import re
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from tests.world import CALC, Town
from workers.demo.stage import Stage

SECONDS = 100.0
_numbers = count(1)
Found = Callable[..., Town]


def name_of(node: str) -> str:
    """Return a repository name for a test."""
    return f"{re.sub(r'[^a-z0-9]+', '-', node.lower()).strip('-')[:60]}-{next(_numbers)}"


SETTINGS = {"JOURNEYMAN_TASK_SECONDS": "60"}


@pytest.fixture(scope="session")
def github() -> Iterator[Stage]:
    """A GitHub and a whole installation, in processes of their own."""
    with Stage(SETTINGS, seconds=SECONDS) as up:
        yield up


@pytest.fixture(scope="session")
def gitlab() -> Iterator[Stage]:
    """A GitLab and a whole installation, in processes of their own."""
    with Stage(SETTINGS, seconds=SECONDS, dialect="gitlab") as up:
        yield up


@pytest.fixture(params=["github", pytest.param("gitlab", marks=pytest.mark.slow)])
def stage(request: pytest.FixtureRequest) -> Stage:
    """Either forge: what is said of one holds for the other."""
    up: Stage = request.getfixturevalue(request.param)
    return up


@pytest.fixture
def town(stage: Stage, request: pytest.FixtureRequest) -> Iterator[Town]:
    """A repository with a bug in add(), and its people."""
    yield Town(stage.scene(name_of(request.node.name), CALC))
    _leave(stage)


@pytest.fixture
def found(stage: Stage, request: pytest.FixtureRequest) -> Iterator[Found]:
    """Make a repository with these files."""
    yield lambda files: Town(stage.scene(name_of(request.node.name), files))
    _leave(stage)


def _leave(stage: Stage) -> None:
    """Leave no fault and no hurt process to the next conversation."""
    stage.forge.clear_faults()
    del stage.forge.observers[:]
    stage.installation.watch()
    for member in stage.installation.members.values():
        member.deaths, member.not_before = 0, 0.0
