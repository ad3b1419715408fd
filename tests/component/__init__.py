"""Parts at real work, without a server: the API over HTTP, random lives against a naive model, galleries of
thousands, rendered frames, networks. One thing that takes a hundredth of a second stands in ``tests/unit``.
"""
