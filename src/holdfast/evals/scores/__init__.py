"""Scores: what trials add up to, gates on it, and the pages that say it."""
