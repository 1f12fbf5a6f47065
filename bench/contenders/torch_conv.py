"""PyTorch's convolution as a contender of the benchmark; protocol.ts describes what it reads and prints."""

import json
import os
import sys
import time

import torch


def read_tensor(file, shape):
    with open(file, "rb") as stream:
        return torch.frombuffer(bytearray(stream.read()), dtype=torch.float32).reshape(shape)


def prepare(task):
    """The run of the task: a function that computes it once and returns the result."""
    numbers = {key: int(task[key]) for key in ("n", "c", "h", "w", "k", "groups")}
    kernel, stride, padding = ([int(part) for part in task[key].split(",")] for key in ("kernel", "stride", "padding"))
    n, c, k, groups = (numbers[key] for key in ("n", "c", "k", "groups"))
    extents = [numbers["h"], numbers["w"]]
    output_extents = [(extents[i] + 2 * padding[i] - kernel[i]) // stride[i] + 1 for i in range(2)]
    x = read_tensor(task["input"], [n, c, *extents])
    weight = read_tensor(task["weight"], [k, c // groups, *kernel])
    gradient = read_tensor(task["output"], [n, k, *output_extents])
    if task["direction"] == "fwd":
        return lambda: torch.nn.functional.conv2d(x, weight, None, stride, padding, 1, groups)
    wanted = [task["direction"] == "bwd_d", task["direction"] == "bwd_w", False]
    arguments = (gradient, x, weight, None, stride, padding, [1, 1], False, [0, 0], groups, wanted)
    return lambda: torch.ops.aten.convolution_backward(*arguments)[wanted.index(True)]


def version():
    """PyTorch's version and the BLAS that it has loaded: 1x1 convolutions of one image on one thread go there."""
    with open("/proc/self/maps", encoding="utf8") as stream:
        loaded = {os.path.basename(line.split()[-1]) for line in stream if "blas" in line}
    return " ".join([torch.__version__, *(f"({name})" for name in sorted(loaded))])


def say(message):
    print(json.dumps(message), flush=True)


def main():
    task = dict(argument.split("=", 1) for argument in sys.argv[1:])
    torch.set_num_threads(int(task["threads"]))
    with torch.no_grad():
        run = prepare(task)
        values = run().reshape(-1)
        samples = [float(values[int(index)]) for index in task["samples"].split(",")]
        ready = {"version": version(), "algorithm": "", "workspaceBytes": None, "samples": samples}
        say({"ready": ready})
        for line in sys.stdin:
            times = int(line.split()[1])
            run()
            start = time.perf_counter()
            for _ in range(times):
                run()
            say({"seconds": time.perf_counter() - start})


main()
