import pytest

from jobs.queue import Empty, JobQueue
from jobs.worker import drain


def test_priority():
    queue = JobQueue()
    queue.put("later", 5)
    queue.put("now", 1)
    assert queue.take() == "now"
    assert len(queue) == 1


def test_empty():
    with pytest.raises(Empty):
        JobQueue().take()


def test_drain():
    queue = JobQueue()
    queue.put("a")
    queue.put("b")
    assert drain(queue) == ["a", "b"]
