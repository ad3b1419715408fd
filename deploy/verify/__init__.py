"""Independent verifier: re-decides all inputs and compares with the log, and the views with a fold of it.

It shares contracts and `reid.domain` with the agent, none of its runtime (`streams`): a defect there can't
hide itself here.
"""
