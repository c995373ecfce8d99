"""The demonstration: a whole installation against a forge of this machine, told as a story that really happens."""
