"""onnxruntime without a server: times `session.run` on one thread for batches of 1 and 64, and prints JSON in
microseconds.

onnxruntime_alone.py ONNX --seconds SECONDS
"""

import argparse
import json
import time

import numpy as np
import onnxruntime

TYPES = {"tensor(float)": np.float32, "tensor(int32)": np.int32}


def timed(run, seconds):
    """The distribution of how long `run` takes."""
    end = time.perf_counter() + seconds / 4
    while time.perf_counter() < end:
        run()
    taken, now = [], time.perf_counter_ns()
    end = now + int(seconds * 1e9)
    while now < end:
        run()
        after = time.perf_counter_ns()
        taken.append(after - now)
        now = after
    micros = np.array(taken) / 1e3
    at = dict(zip(("p50", "p90", "p99", "p99.9"), np.percentile(micros, (50, 90, 99, 99.9)).tolist(), strict=True))
    return {"count": len(taken), "mean": float(micros.mean()), **at, "max": float(micros.max())}


def main():
    """Reads the arguments and prints."""
    parser = argparse.ArgumentParser()
    parser.add_argument("onnx")
    parser.add_argument("--seconds", type=float, default=1.0)
    arguments = parser.parse_args()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(arguments.onnx, options, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    results = {}
    for batch in (1, 64):
        tensor = np.ones([batch, *given.shape[1:]], dtype=TYPES[given.type])
        results[f"onnxruntime, batch {batch}"] = timed(
            lambda t=tensor: session.run(None, {given.name: t}), arguments.seconds
        )
    print(json.dumps(results))


if __name__ == "__main__":
    main()
