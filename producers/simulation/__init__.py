"""The simulated site: a rendered floor, its people, their routes, its cameras, and the ground truth."""
