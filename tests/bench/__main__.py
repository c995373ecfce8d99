"""`python -m tests.bench NAME [ARGS]`: run one benchmark, or list them."""

import runpy
import sys
from pathlib import Path

KNOWN = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith(("_", "conftest")))


def main() -> int:
    """Run the benchmark that is named first; the rest are its arguments."""
    if len(sys.argv) < 2 or sys.argv[1] not in KNOWN:
        sys.stderr.write(f'usage: make bench ARGS="NAME ..."; NAME is one of: {", ".join(KNOWN)}\n')
        return 2
    name = sys.argv.pop(1)
    runpy.run_module(f"tests.bench.{name}", run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
