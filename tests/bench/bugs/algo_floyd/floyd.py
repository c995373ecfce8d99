from itertools import product

FAR = float("inf")


def all_lengths(nodes, edges):
    length = {(a, b): edges.get((a, b), FAR) for a, b in product(nodes, nodes)}
    for node in nodes:
        length[node, node] = 0
    for k, i, j in product(nodes, nodes, nodes):
        length[i, j] = min(length[i, j], length[i, k] + length[j, k])
    return length
