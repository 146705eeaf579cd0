"""A data clean-up: four messy tables, what has to come of them, and checks that say whether it did."""
