"""The files of a new agent, as `holdfast new` writes them."""
