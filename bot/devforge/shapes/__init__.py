"""How GitHub writes things down: one function per schema of its REST description."""
