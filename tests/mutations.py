"""Bodies that nobody would send: any JSON, and a real body with a few members removed or replaced."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
odd_values = json_values | st.just("\ud800") | st.just(10**400) | st.text(alphabet=st.characters(categories=["Cs"]))


def paths(value: object, here: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the path of every member below an object."""
    if not isinstance(value, dict):
        return []
    return [at for key, inner in value.items() for at in ((*here, key), *paths(inner, (*here, key)))]


@st.composite
def mutated(draw: st.DrawFn, bodies: Mapping[str, dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    """Return the name and the body of one of `bodies`, with one to three members removed or replaced."""
    name = draw(st.sampled_from(sorted(bodies)))
    body = deepcopy(bodies[name])
    for path in draw(st.lists(st.sampled_from(paths(body)), min_size=1, max_size=3)):
        place: Any = body
        for key in path[:-1]:
            place = place.get(key) if isinstance(place, dict) else None
        if not isinstance(place, dict):
            continue
        if draw(st.booleans()):
            place.pop(path[-1], None)
        else:
            place[path[-1]] = draw(odd_values)
    return name, body
