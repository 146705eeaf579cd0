"""Trials: cases played through the ordinary runner, each a journal of its own runs."""
