"""Proof: whether an agent does the right things repeatedly, for the right reason, at a cost worth paying."""
