"""Many sites on many workers: rates, rebalancing while frames flow, and a hot standby; then the verifier."""
