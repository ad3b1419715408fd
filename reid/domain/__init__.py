"""Pure identity decisions: `decide(state, input) -> events`, `evolve(state, event)`. No I/O, no clock."""
