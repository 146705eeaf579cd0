"""Statistics: numbers in, numbers out. Each function names the source of its formula."""
