"""The reliability curve: success against the time that people need, by METR's method."""
