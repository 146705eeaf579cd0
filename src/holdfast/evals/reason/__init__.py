"""Right reason: whether a decision rests on the evidence that it should rest on."""
