"""PyTorch as a contender of whole nets; task.ts describes what it is started with, protocol.ts what it reads and prints."""

import json
import os
import resource
import sys
import time

import torch
import torch.nn.functional as F


def padded(x, pads, value):
    """Padding that differs from side to side, which PyTorch's windows do not have."""
    top, left, bottom, right = pads
    if top == bottom and left == right:
        return x, (top, left)
    return F.pad(x, (left, right, top, bottom), value=value), (0, 0)


def conv(x, a, t, _):
    x, padding = padded(x, a["pads"], 0.0)
    return F.conv2d(x, t["weight"], t.get("bias"), a["stride"], padding, a["dilation"], a["groups"])


def max_pool(x, a, _, __):
    x, padding = padded(x, a["pads"], float("-inf"))
    return F.max_pool2d(x, a["kernel"], a["stride"], padding, a["dilation"], a["ceil"])


def avg_pool(x, a, _, __):
    x, padding = padded(x, a["pads"], 0.0)
    return F.avg_pool2d(x, a["kernel"], a["stride"], padding, a["ceil"], a["includePad"])


def batch_norm(x, a, t, training):
    statistics = (t["mean"], t["variance"], t.get("weight"), t.get("bias"))
    return F.batch_norm(x, *statistics, training, a["momentum"], a["epsilon"])


# Each takes input, attributes, tensors and whether it trains.
OPS = {
    "conv": conv,
    "maxPool": max_pool,
    "avgPool": avg_pool,
    "batchNorm": batch_norm,
    "linear": lambda x, a, t, _: F.linear(x, t["weight"], t.get("bias")),
    "relu": lambda x, a, t, _: F.relu(x),
    "relu6": lambda x, a, t, _: F.relu6(x),
    "tanh": lambda x, a, t, _: torch.tanh(x),
    "flatten": lambda x, a, t, _: torch.flatten(x, a["axis"]),
    "globalAvgPool": lambda x, a, t, _: F.adaptive_avg_pool2d(x, 1),
    "localResponseNorm": lambda x, a, t, _: F.local_response_norm(x, a["size"], a["alpha"], a["beta"], a["k"]),
    "dropout": lambda x, a, t, training: F.dropout(x, a["p"], training),
}


class Net:
    def __init__(self, folder):
        with open(os.path.join(folder, "graph.json"), encoding="utf8") as stream:
            description = json.load(stream)
        self.graph = description["graph"]
        self.settings = description["training"]
        self.tensors = {}
        with open(os.path.join(folder, "weights.bin"), "rb") as stream:
            for tensor in description["tensors"]:
                values = torch.empty(tensor["shape"])
                stream.readinto(memoryview(values.reshape(-1).numpy()).cast("B"))
                self.tensors[tensor["name"]] = values
        self.nodes = []
        last_use = {}
        for place, node in enumerate(self.graph["nodes"]):
            for name in node["inputs"]:
                last_use[name] = place
        for place, node in enumerate(self.graph["nodes"]):
            tensors = {role: self.tensors[name] for role, name in node["tensors"].items()}
            done = [name for name in set(node["inputs"]) if last_use[name] == place]
            self.nodes.append((node["op"], node["inputs"], node["output"], node["attributes"], tensors, done))

    def parameters(self):
        buffers = ("mean", "variance")
        return [t for node in self.nodes for role, t in node[4].items() if role not in buffers]

    def run(self, x, training):
        values = {self.graph["input"]: x}
        for op, inputs, output, attributes, tensors, done in self.nodes:
            arguments = [values[name] for name in inputs]
            for name in done:
                del values[name]
            if op == "add":
                values[output] = arguments[0] + arguments[1]
            elif op == "concat":
                values[output] = torch.cat(arguments, attributes["axis"])
            else:
                values[output] = OPS[op](arguments[0], attributes, tensors, training)
        return values[self.graph["output"]]


def read(folder, name, dtype):
    with open(os.path.join(folder, name), "rb") as stream:
        return torch.frombuffer(bytearray(stream.read()), dtype=dtype)


def prepare(task):
    """The run of the task, which returns the numbers to compare, and how often it runs for them."""
    folder = task["folder"]
    net = Net(folder)
    x = read(folder, "input.bin", torch.float32).reshape(net.graph["inputShape"])
    if task["mode"] == "inference":
        samples = [int(index) for index in task["samples"].split(",")]

        def infer():
            with torch.inference_mode():
                return net.run(x, False).reshape(-1)[samples].tolist()

        return infer, 1
    labels = read(folder, "labels.bin", torch.int32).long()
    settings = net.settings
    parameters = [tensor.requires_grad_() for tensor in net.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=settings["learningRate"], momentum=settings["momentum"])

    def step():
        optimizer.zero_grad()
        loss = F.cross_entropy(net.run(x, True), labels)
        loss.backward()
        optimizer.step()
        return [loss.item()]

    return step, settings["checkedSteps"]


def peak_memory():
    """As contenders/serve.ts has it."""
    try:
        with open("/proc/self/status", encoding="utf8") as stream:
            return next(1024 * int(line.split()[1]) for line in stream if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def say(message):
    print(json.dumps(message), flush=True)


def main():
    task = dict(argument.split("=", 1) for argument in sys.argv[1:])
    torch.set_num_threads(int(task["threads"]))
    run, times = prepare(task)
    samples = [value for _ in range(times) for value in run()]
    say({"ready": {"version": torch.__version__, "algorithm": "", "workspaceBytes": None, "samples": samples}})
    for line in sys.stdin:
        times = int(line.split()[1])
        run()
        start = time.perf_counter()
        for _ in range(times):
            run()
        seconds = time.perf_counter() - start
        say({"seconds": seconds, "peakBytes": peak_memory()})


main()
