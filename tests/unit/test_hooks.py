"""Which deliveries count as lost, on either forge."""

import pytest

from bot.forges.github import hooks as github
from bot.forges.gitlab import hooks as gitlab

EARLY, LATE = "2026-11-20T00:00:00Z", "2026-11-22T12:00:00Z"
SINCE = 1_795_219_200.0  # 2026-11-21


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ([], []),
        ([(1, "a", LATE, 202)], []),
        ([(1, "a", LATE, 0)], [1]),
        ([(3, "b", LATE, 502), (2, "a", LATE, 404), (1, "c", LATE, 200)], [2, 3]),
        ([(2, "a", LATE, 200), (1, "a", LATE, 0)], []),
        ([(2, "a", LATE, 0), (1, "a", LATE, 0)], [1]),
        ([(3, "a", LATE, 0), (2, "a", LATE, 0), (1, "a", LATE, 0)], []),
        ([(1, "a", EARLY, 0)], []),
    ],
    ids=["none", "came", "lost", "in order", "came later", "once more", "given up", "too old"],
)
def test_what_github_could_not_deliver(rows: list[tuple[int, str, str, int]], wanted: list[int]) -> None:
    assert [one.id for one in github.lost([github.Delivered(*row) for row in rows], SINCE)] == wanted


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ([], []),
        ([(1, "a", "202")], []),
        ([(1, "a", "internal error")], [1]),
        ([(2, "a", None), (1, "", 500)], [1, 2]),
        ([(2, "a", 200), (1, "a", 500)], []),
        ([(3, "a", 500), (2, "a", 500), (1, "a", 500)], []),
    ],
    ids=["none", "came", "lost", "in order", "came later", "given up"],
)
def test_what_gitlab_could_not_deliver(rows: list[tuple[int, str, str | int | None]], wanted: list[int]) -> None:
    sent = [gitlab.Sent(id_, status, {"Idempotency-Key": key} if key else {}) for id_, key, status in rows]
    assert [one.id for one in gitlab.lost(sent)] == wanted
