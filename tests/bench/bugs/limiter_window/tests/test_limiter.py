from limiter.clock import ManualClock
from limiter.window import Limiter


def test_limit():
    limiter = Limiter(ManualClock(), 2, 10)
    assert [limiter.allow() for _ in range(3)] == [True, True, False]


def test_window_moves():
    clock = ManualClock()
    limiter = Limiter(clock, 1, 10)
    assert limiter.allow()
    clock.advance(10)
    assert limiter.allow()


def test_too_soon():
    clock = ManualClock()
    limiter = Limiter(clock, 1, 10)
    limiter.allow()
    clock.advance(9)
    assert not limiter.allow()
