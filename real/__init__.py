"""Checks of holdfast against what others recorded; no part of the installed package."""
