"""AgentDojo's tasks and attackers, with every call of the agent through holdfast.

`checks` is what `make real` imports. It needs nothing that holdfast does not have: the figures themselves are made by
`python -m real.dojo` in an environment of its own, since agentdojo brings the libraries of half a dozen providers along.
"""
