"""An incident review: three processes, one fault among their changes, and the lines of their logs that show it."""
