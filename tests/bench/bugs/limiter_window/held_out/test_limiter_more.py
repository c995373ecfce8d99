from limiter.clock import ManualClock
from limiter.window import Limiter


def test_sliding():
    clock = ManualClock()
    limiter = Limiter(clock, 3, 60)
    results = []
    for _ in range(8):
        results.append(limiter.allow())
        clock.advance(20)
    assert results == [True] * 8
    quick = Limiter(clock, 3, 60)
    assert [quick.allow() for _ in range(5)] == [True, True, True, False, False]
