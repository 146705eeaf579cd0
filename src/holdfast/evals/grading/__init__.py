"""Graders: pure functions of a finished run, and the judges that are models."""
