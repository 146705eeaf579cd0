"""Cases: what a trial is given, the world it is played in, and how a run becomes one."""
