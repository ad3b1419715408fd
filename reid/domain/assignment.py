"""Optimal one-to-one assignment of simultaneous tracks to candidate persons.

Written here, and in whole numbers, because the result is an identity decision that must come out the
same in any version of any library: ties are broken by position alone.
"""

from collections.abc import Sequence

_INFINITE = 1 << 60


def assign(gains: Sequence[Sequence[int]]) -> list[int]:
    """``gains``: rows x columns of whole numbers >= 0, 0 = not allowed -> for each row its column or -1.

    Maximises the sum of gains; each column is taken at most once. Kuhn-Munkres with potentials,
    O(rows^2 * columns), after Jonker and Volgenant (1987); each row may also take a column of its own
    that means "none".
    """
    rows = len(gains)
    if rows == 0:
        return []
    real = len(gains[0])
    columns = real + rows
    cost = [
        [-g if g > 0 else _INFINITE for g in row] + [0 if i == j else _INFINITE for j in range(rows)]
        for i, row in enumerate(gains)
    ]
    row_of = _shortest_augmenting_paths(cost, rows, columns)
    chosen = [-1] * rows
    for column, row in enumerate(row_of[:real]):
        if row >= 0:
            chosen[row] = column
    return chosen


def _shortest_augmenting_paths(cost: list[list[int]], rows: int, columns: int) -> list[int]:
    """Minimal-cost matching of every row -> for each column its row or -1."""
    u = [0] * (rows + 1)
    v = [0] * (columns + 1)
    match = [0] * (columns + 1)
    for row in range(1, rows + 1):
        match[0] = row
        column = 0
        slack = [_INFINITE * 2] * (columns + 1)
        before = [0] * (columns + 1)
        used = [False] * (columns + 1)
        while True:
            used[column] = True
            at, delta, nearest = match[column], _INFINITE * 2, 0
            for j in range(1, columns + 1):
                if used[j]:
                    continue
                reduced = cost[at - 1][j - 1] - u[at] - v[j]
                if reduced < slack[j]:
                    slack[j], before[j] = reduced, column
                if slack[j] < delta:
                    delta, nearest = slack[j], j
            for j in range(columns + 1):
                if used[j]:
                    u[match[j]] += delta
                    v[j] -= delta
                else:
                    slack[j] -= delta
            column = nearest
            if match[column] == 0:
                break
        while column:
            match[column] = match[before[column]]
            column = before[column]
    return [row - 1 for row in match[1:]]
