from caching.lru import LRU


def test_put_again():
    cache = LRU(2)
    cache.put("a", 1)
    cache.put("b", 2)
    cache.put("a", 3)
    cache.put("c", 4)
    assert cache.get("a") == 3
    cache.get("c")
    cache.get("a")
    cache.put("d", 5)
    assert list(cache.items) == ["a", "d"]
