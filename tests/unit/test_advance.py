"""How often a change that waits is looked at by the clock."""

import pytest

from bot.services.advance import pause


@pytest.mark.parametrize(
    ("waited", "poll", "wanted"),
    [(0, 60, 60), (200, 60, 60), (400, 60, 100), (3_600, 60, 900), (10_000_000, 60, 900), (10_000, 3_600, 3_600)],
)
def test_a_change_without_news_is_looked_at_ever_more_seldom(waited: float, poll: float, wanted: float) -> None:
    assert pause(waited, poll) == wanted
