"""PyTorch's half of the inference benchmark: SFR-Net run in the published way.

    inference-torch.py scene SPEC.json OUT.raw THREADS [--flush]   the whole scene: class ids, and OUT.raw.margin
    inference-torch.py sample SPEC.json WINDOWS THREADS [--flush]  so many of its windows, spread evenly, after one to warm up
    inference-torch.py parts SPEC.json RUNS [--flush]              the network's parts, one thread

Window by window: the padded scene is cut and resized to three views for every window, all three encoders run each time, and
upsampled scores are summed in one array of the scene's size; places beyond the border fall on the border and are run again.
Prints JSON. The margin file holds how far apart each pixel's two best sums are (float32). Times are of the loop alone: imports, weights and the scene's reading are not in them. `--flush` sets
torch.set_flush_denormal.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "models" / "training"))
from sfrnet import SfrNet, SfrNetConfig, resize  # noqa: E402
from windows import pad_to_frame, shrink  # noqa: E402


def encoder(spec):
    if spec["kind"] == "swin":
        return {
            "kind": "swin",
            "embed_dims": spec["embedDims"],
            "depths": spec["depths"],
            "num_heads": spec["heads"],
            "window_size": spec["window"],
        }
    return {"kind": "resnet", "stem_channels": spec["stem"][2], "base_channels": spec["channels"][0]}


def load(spec):
    arch = spec["architecture"]
    subs = [{k: v for k, v in encoder(arch[name]).items() if k != "kind"} for name in ("short", "long")]
    config = SfrNetConfig.from_json(
        {
            "main": encoder(arch["main"]),
            "sub": subs,
            "channels": arch["head"]["channels"],
            "aux_channels": 1,
            "num_classes": arch["head"]["classes"],
            "pool_scales": arch["head"]["poolScales"],
        }
    )
    net = SfrNet(config)
    state = torch.load(spec["checkpoint"], map_location="cpu")["state_dict"]
    state = {key: value for key, value in state.items() if not key.startswith("auxiliary_head.")}
    missing, unexpected = net.load_state_dict(state, strict=False)
    strange = [key for key in missing if not key.startswith("auxiliary_head.")] + list(unexpected)
    if strange:
        raise SystemExit(f"the checkpoint is of another network: {strange[:5]}")
    return net.eval()


def span(spec, start, distance, frame):
    """Start and size along one axis of the window at `distance`."""
    window, last = spec["window"], spec["distances"][2]
    if distance == last:
        return 0, frame
    first = int(start * (last - distance) / (last - 1))
    return first, min(first + window * distance, frame) - first


def views(spec, frame, y, x):
    window = spec["window"]
    out = []
    for distance in spec["distances"]:
        y0, height = span(spec, y, distance, frame.shape[0])
        x0, width = span(spec, x, distance, frame.shape[1])
        out.append(shrink(frame[y0 : y0 + height, x0 : x0 + width], window))
    return np.concatenate(out, 2)


def scores_of(net, stack):
    return net.predict(torch.from_numpy(stack.transpose(2, 0, 1)[None].copy()))[0].numpy()


def run_scene(spec, out, threads):
    torch.set_num_threads(threads)
    net = load(spec)
    width, height = spec["size"]
    scene = np.fromfile(spec["scene"], np.uint8).reshape(height, width, 3)
    window, stride = spec["window"], spec["stride"]
    wall, cpu, network, read = time.perf_counter(), time.process_time(), 0.0, 0.0
    frame = pad_to_frame(scene, spec["padTo"])
    total = np.zeros((*frame.shape[:2], spec["architecture"]["head"]["classes"]), np.float32)
    runs = 0
    with torch.no_grad():
        for h in range(0, frame.shape[0], stride):
            for w in range(0, frame.shape[1], stride):
                y, x = min(h, frame.shape[0] - window), min(w, frame.shape[1] - window)
                start = time.perf_counter()
                stack = views(spec, frame, y, x)
                ready = time.perf_counter()
                patch = scores_of(net, stack)
                read, network = read + ready - start, network + time.perf_counter() - ready
                total[y : y + window, x : x + window] += patch.transpose(1, 2, 0)
                runs += 1
    classes = total.argmax(2)[:height, :width].astype(np.uint8)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    classes.tofile(out)
    best = np.partition(total[:height, :width], -2, axis=2)
    (best[:, :, -1] - best[:, :, -2]).astype(np.float32).tofile(out + ".margin")
    return {
        "wallS": wall,
        "cpuS": cpu,
        "windows": runs,
        "outsideShare": 1 - network / wall,
        "readMs": 1000 * read / runs,
        "stitchMs": 1000 * (wall - read - network) / runs,
    }


def run_sample(spec, count, threads):
    """What all windows of the published loop would take, by the mean of a few; summing is left out, as is deciding."""
    torch.set_num_threads(threads)
    net = load(spec)
    width, height = spec["size"]
    scene = np.fromfile(spec["scene"], np.uint8).reshape(height, width, 3)
    window, stride = spec["window"], spec["stride"]
    frame = pad_to_frame(scene, spec["padTo"])
    tops = range(0, frame.shape[0], stride)
    places = [(h, w) for h in tops for w in range(0, frame.shape[1], stride)]
    chosen = [places[i * len(places) // count] for i in range(count)]
    walls, cpus, reads = [], [], []
    with torch.no_grad():
        for h, w in [chosen[0], *chosen]:
            y, x = min(h, frame.shape[0] - window), min(w, frame.shape[1] - window)
            wall, cpu = time.perf_counter(), time.process_time()
            stack = views(spec, frame, y, x)
            reads.append(time.perf_counter() - wall)
            scores_of(net, stack)
            walls.append(time.perf_counter() - wall)
            cpus.append(time.process_time() - cpu)
    wall, cpu, read = (sum(times[1:]) / count for times in (walls, cpus, reads))
    return {
        "wallS": wall * len(places),
        "cpuS": cpu * len(places),
        "windows": len(places),
        "outsideShare": read / wall,
        "readMs": 1000 * read,
        "stitchMs": 0,
    }


def run_parts(spec, runs):
    """Least CPU milliseconds of each part over `runs` runs."""
    torch.set_num_threads(1)
    net = load(spec)
    window = spec["window"]
    pixels = np.random.default_rng(1).integers(0, 256, (window, window, 9), np.uint8)
    x = torch.from_numpy(pixels.transpose(2, 0, 1)[None].copy())
    best = {}

    def timed(name, work):
        start = time.process_time()
        result = work()
        best[name] = min(best.get(name, float("inf")), (time.process_time() - start) * 1000)
        return result

    with torch.no_grad():
        for _ in range(runs):
            local, short, long = net.views(x, None)
            sub1 = timed("short", lambda: net.backbone.sub_encoder1(short)[-1])
            sub2 = timed("long", lambda: net.backbone.sub_encoder2(long)[-1])
            main = timed("main", lambda: net.backbone.main_encoder(local))
            fused = timed("ccsf", lambda: net.neck(main[-1], sub1, sub2))
            low = timed("decoder", lambda: net.decode_head([*main[:-1], fused]))
            timed("upsample", lambda: resize(low, (window, window)))
    return best


def main():
    args = [a for a in sys.argv[1:] if a != "--flush"]
    torch.set_flush_denormal("--flush" in sys.argv)
    spec = json.loads(Path(args[1]).read_text())
    if args[0] == "scene":
        result = run_scene(spec, args[2], int(args[3]))
    elif args[0] == "sample":
        result = run_sample(spec, int(args[2]), int(args[3]))
    else:
        result = run_parts(spec, int(args[2]))
    print(json.dumps(result))


main()
