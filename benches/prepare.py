"""Compiles the house-price example for the benchmarks, and takes out of it what FastAPI serves.

    prepare.py TITAN FOLDER

FOLDER receives house-price.titan, house-price.onnx and scaling.json.
"""

import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

EXAMPLE = Path(__file__).parent.parent / "examples/house-price"
RECORD = """
with open({path!r}, "w") as file:
    json.dump({{"columns": columns, "low": list(low), "high": list(high)}}, file)
"""


def main(titan, folder):
    folder = Path(folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    notebook = json.loads((EXAMPLE / "v1/house-price.ipynb").read_text())
    record = RECORD.format(path=str(folder / "scaling.json"))
    notebook["cells"].append({"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": record})
    copy = folder / "house-price.ipynb"
    copy.write_text(json.dumps(notebook))
    bundle = folder / "house-price.titan"
    data = {"TITAN_HOUSE_PRICES": str(EXAMPLE.absolute() / "house-prices.csv")}
    subprocess.run([titan, "compile", copy, "-o", bundle], check=True, env=os.environ | data)
    unpacked = subprocess.run(["zstd", "-dc", bundle], check=True, stdout=subprocess.PIPE).stdout
    with tarfile.open(fileobj=io.BytesIO(unpacked)) as archive:
        (model,) = (name for name in archive.getnames() if name.endswith(".onnx"))
        (folder / "house-price.onnx").write_bytes(archive.extractfile(model).read())


if __name__ == "__main__":
    main(*sys.argv[1:])
