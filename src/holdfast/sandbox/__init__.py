"""Programs run apart from everything else, and the folders they change.

`port` says what a sandbox is, `bubblewrap` and `landlock` are two, `ladder.choose` takes the best that holds here. `workspace` takes
over what a program changed, or throws it away, or takes it back. `launch` is run as a process of its own, without any package but
the standard library: it, and what it imports (`seccomp, kernel, images, settle, artefacts`), imports nothing else.
"""
