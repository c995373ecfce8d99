import pytest

from jobs.queue import Empty, JobQueue


def test_until_empty():
    queue = JobQueue()
    queue.put("x", 3)
    assert queue.take() == "x"
    with pytest.raises(Empty):
        queue.take()
    queue.put("y")
    assert queue.take() == "y"
