"""Maps whole validation scenes with overlapping windows and scores them.

    python3 evaluate.py CHECKPOINT.pth [--data DIR] [--split validation] [--stride N]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from scenes import Scene, load_scenes
from sfrnet import SfrNet, SfrNetConfig
from windows import pad_to_frame, view_stack, window_starts

DEFAULT_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def predict_scene(net: SfrNet, image: np.ndarray, recipe: dict[str, Any], distances: list[int], stride: int) -> np.ndarray:
    """Class ids of every pixel: raw scores of overlapping windows are summed, the first maximum wins."""
    window = recipe["window"]
    frame = pad_to_frame(image, recipe["padTo"])
    total = np.zeros((len(recipe["classes"]), *frame.shape[:2]), np.float32)
    places = [
        (y, x, ny * nx)
        for y, ny in window_starts(frame.shape[0], window, stride)
        for x, nx in window_starts(frame.shape[1], window, stride)
    ]
    for at in range(0, len(places), recipe["batch"]):
        some = places[at : at + recipe["batch"]]
        stacks = np.stack([view_stack(frame, y, x, window, distances) for y, x, _ in some])
        inputs = torch.from_numpy(stacks.transpose(0, 3, 1, 2).copy()).float()
        with torch.no_grad():
            scores = net.predict(inputs.contiguous(memory_format=torch.channels_last)).numpy()
        for (y, x, times), patch in zip(some, scores):
            total[:, y : y + window, x : x + window] += patch * times
    return total.argmax(0)[: image.shape[0], : image.shape[1]].astype(np.uint8)


def score(confusion: np.ndarray, recipe: dict[str, Any], ignored: list[int]) -> dict[str, Any]:
    """OA, mIoU and IoU per class of a [truth, predicted] matrix without the pixels whose true class is ignored."""
    kept = [i for i in range(len(confusion)) if i not in ignored]
    seen = confusion.copy()
    seen[ignored] = 0
    hits = np.diag(seen)
    unions = seen.sum(0) + seen.sum(1) - hits
    ious = {recipe["classes"][i]["name"]: hits[i] / max(1, unions[i]) for i in kept}
    return {
        "oa": float(hits.sum() / max(1, seen.sum())),
        "miou": float(np.mean(list(ious.values()))),
        "iou": {name: round(float(value), 4) for name, value in ious.items()},
    }


def evaluate(net: SfrNet, scenes: list[Scene], recipe: dict[str, Any], distances: list[int], stride: int) -> dict[str, Any]:
    """Scores over all scenes together. Label 0 never counts; `scoreIgnores` lists further labels left out of `main`."""
    classes = len(recipe["classes"])
    confusion = np.zeros((classes, classes), np.int64)
    for scene in scenes:
        predicted = predict_scene(net, scene.image, recipe, distances, stride)
        pairs = scene.labels.astype(np.int64) * classes + predicted
        confusion += np.bincount(pairs.ravel(), minlength=classes * classes).reshape(classes, classes)
    result = {"main": score(confusion, recipe, [0, *recipe["scoreIgnores"]])}
    if recipe["scoreIgnores"]:
        result["all"] = score(confusion, recipe, [0])
    return {**result, "confusion": confusion.tolist()}


def load_checkpoint(path: Path) -> tuple[SfrNet, dict[str, Any]]:
    checkpoint = torch.load(path, map_location="cpu")
    meta = json.loads(checkpoint["meta"]["frustum"])
    net = SfrNet(SfrNetConfig.from_json(meta["network"]))
    net.load_state_dict(checkpoint["state_dict"])
    return net.eval().to(memory_format=torch.channels_last), meta


def report(result: dict[str, Any]) -> str:
    lines = []
    for name in ("main", "all"):
        if name in result:
            r = result[name]
            ious = "  ".join(f"{k} {v:.3f}" for k, v in r["iou"].items())
            lines.append(f"{name}: OA {r['oa']:.4f}  mIoU {r['miou']:.4f}  |  {ious}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA)
    parser.add_argument("--split", default="validation")
    parser.add_argument("--stride", type=int, help="default: half a window")
    args = parser.parse_args()
    net, meta = load_checkpoint(args.checkpoint)
    recipe = meta["recipe"]
    stride = args.stride or recipe["window"] // 2
    result = evaluate(net, load_scenes(recipe, args.split, args.data), recipe, meta["distances"], stride)
    print(report(result))


if __name__ == "__main__":
    main()
