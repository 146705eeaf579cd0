"""Drills: faults at the tool and model boundary, and what came of each effect."""
