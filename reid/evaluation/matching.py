"""The best one-to-one pairing of given ids with true persons, over everything counted."""

from collections import defaultdict
from collections.abc import Hashable, Mapping
from typing import TypeVar

import numpy as np
import numpy.typing as npt

A = TypeVar("A", bound=Hashable)
B = TypeVar("B", bound=Hashable)


def one_to_one(counts: Mapping[tuple[A, B], int]) -> dict[A, B]:
    """The pairing with the largest sum of counts; counts above 0. Deterministic in the order given.

    Pairs that share neither an id nor a person with each other cannot compete: each such group is solved
    alone, which keeps a thousand people a matter of milliseconds.
    """
    pairing: dict[A, B] = {}
    for group in _groups(counts):
        lefts = list(dict.fromkeys(a for a, _ in group))
        rights = list(dict.fromkeys(b for _, b in group))
        row = {a: i for i, a in enumerate(lefts)}
        column = {b: j for j, b in enumerate(rights)}
        gain = np.zeros((len(lefts), len(rights)))
        for a, b in group:
            gain[row[a], column[b]] = counts[a, b]
        for i, j in assignment(gain):
            if gain[i, j] > 0:
                pairing[lefts[i]] = rights[j]
    return pairing


def _groups(counts: Mapping[tuple[A, B], int]) -> list[list[tuple[A, B]]]:
    """Pairs connected through an id or a person."""
    root: dict[tuple[int, Hashable], tuple[int, Hashable]] = {}

    def find(node: tuple[int, Hashable]) -> tuple[int, Hashable]:
        root.setdefault(node, node)
        while root[node] != node:
            root[node] = root[root[node]]
            node = root[node]
        return node

    for a, b in counts:
        root[find((0, a))] = find((1, b))
    groups: defaultdict[tuple[int, Hashable], list[tuple[A, B]]] = defaultdict(list)
    for a, b in counts:
        groups[find((0, a))].append((a, b))
    return list(groups.values())


def assignment(gain: npt.NDArray[np.float64]) -> list[tuple[int, int]]:
    """(n, m) gains -> min(n, m) pairs ``(row, column)`` with the largest sum.

    Shortest augmenting paths with potentials (Jonker and Volgenant, 1987), the inner loop in numpy.
    """
    if gain.shape[0] > gain.shape[1]:
        return [(row, column) for column, row in assignment(gain.T)]
    rows, columns = gain.shape
    u, v = np.zeros(rows + 1), np.zeros(columns + 1)
    row_of = np.zeros(columns + 1, np.int64)  # 0: free; column 0 holds the row being placed
    for row in range(1, rows + 1):
        row_of[0] = row
        column, slack = 0, np.full(columns + 1, np.inf)
        before, used = np.zeros(columns + 1, np.int64), np.zeros(columns + 1, np.bool_)
        while row_of[column]:
            used[column] = True
            at = int(row_of[column])
            reduced = -gain[at - 1] - u[at] - v[1:]
            better = ~used[1:] & (reduced < slack[1:])
            slack[1:][better] = reduced[better]
            before[1:][better] = column
            open_slack = np.where(used, np.inf, slack)
            nearest = int(open_slack[1:].argmin()) + 1
            delta = float(open_slack[nearest])
            u[row_of[used]] += delta
            v[used] -= delta
            slack[~used] -= delta
            column = nearest
        while column:
            previous = int(before[column])
            row_of[column] = row_of[previous]
            column = previous
    return [(int(row_of[column]) - 1, column - 1) for column in range(1, columns + 1) if row_of[column]]
