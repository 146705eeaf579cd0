"""The launcher: a process between holdfast and the program, which is alone, single-threaded, and gone when the program is.

It is started without an environment, takes one line of JSON (`request`), makes the folder, starts the program, watches it, and gives
one line of JSON. Its standard input stays open as long as somebody waits for it: when that ends, it ends the program.
"""
