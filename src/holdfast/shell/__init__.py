"""The shell: the only floor that touches the world, and that joins the core with journals and models.

Append, then act. A driver folds a run's entries, appends what `decide` says follows, and performs what `pending` names and
this worker won the start of; each answer is a fact, appended, and the loop is entered again.
"""

from __future__ import annotations
