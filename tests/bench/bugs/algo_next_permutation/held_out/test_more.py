from itertools import permutations

from perms import next_permutation


def test_all():
    all_of_them = [list(one) for one in permutations([1, 2, 3, 4])]
    for one, two in zip(all_of_them, all_of_them[1:]):
        assert next_permutation(one) == two
