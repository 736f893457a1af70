"""Trains one SFR-Net from a recipe; the same command again goes on where it stopped.

    python3 train.py recipes/dubai.json --out RUN_DIR [--context off] [--data DIR] [--init CHECKPOINT] [--set steps=500 ...]
    python3 train.py --smoke

RUN_DIR receives state.pth (to resume), best.pth (best on validation, mmengine layout), preset.json and log.jsonl.
"""

from __future__ import annotations

import argparse
import copy
import io
import json
import math
import os
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from evaluate import DEFAULT_DATA, evaluate, report
from sampler import Sampler
from scenes import load_scenes, zoomed
from sfrnet import SfrNet, SfrNetConfig, resize

DEFAULTS = {
    "seed": 1,
    "batch": 16,
    "lr": 2e-3,
    "weightDecay": 0.02,
    "warmup": 0.05,
    "emaDecay": 0.998,
    "classPower": 0.25,
    "dice": 0.5,
    "auxiliary": 0.4,
    "balanced": 0.5,
    "focus": 0,
    "classWeights": {},
    "colourJitter": 0.15,
    "turns": True,
    "zooms": [],
    "scoreIgnores": [],
    "saveEvery": 100,
    "threads": 1,
}


def load_recipe(path: Path) -> dict[str, Any]:
    """A recipe's fields; a later round names in `extends` the recipe it changes."""
    recipe = json.loads(path.read_text())
    base = recipe.pop("extends", None)
    return {**load_recipe(path.parent / base), **recipe} if base else recipe


def read_recipe(path: Path, overrides: list[str]) -> dict[str, Any]:
    recipe = {**DEFAULTS, **load_recipe(path)}
    for item in overrides:
        key, value = item.split("=", 1)
        if key not in recipe:
            raise SystemExit(f"--set {key}: no such field in {path.name}")
        recipe[key] = json.loads(value)
    return recipe


def preset_of(recipe: dict[str, Any], distances: list[int]) -> dict[str, Any]:
    """What the checkpoint's shapes do not tell, for `frustum convert --preset`."""
    return {
        "window": recipe["window"],
        "distances": distances,
        "padTo": recipe["padTo"],
        "poolScales": recipe["network"].get("pool_scales", [1, 2, 3, 6]),
        "geometry": "centred",
        "classes": recipe["classes"],
    }


def write_whole(path: Path, content: bytes) -> None:
    """A stop while saving must not cost the run: the old file stays until the new one is complete."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    os.replace(part, path)


def torch_bytes(value: Any) -> bytes:
    """Saved by way of memory, as mmengine does: the zip's entries then lie under archive/, whatever the file's name."""
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def dice_loss(logits: Tensor, target: Tensor) -> Tensor:
    """1 - mean Dice over the classes present, over the whole batch; label 0 does not count."""
    classes = logits.shape[1]
    valid = (target > 0).unsqueeze(1)
    probability = logits.softmax(1) * valid
    truth = F.one_hot(target, classes).permute(0, 3, 1, 2) * valid
    shared = (probability * truth).sum((0, 2, 3))
    sizes = probability.sum((0, 2, 3)) + truth.sum((0, 2, 3))
    present = truth.sum((0, 2, 3)) > 0
    return 1 - (2 * shared[present] / sizes[present]).mean()


class Trainer:
    def __init__(self, recipe: dict[str, Any], context: bool, data: Path, out: Path):
        self.recipe, self.out = recipe, out
        self.distances = recipe["distances"] if context else [1] * len(recipe["distances"])
        torch.set_num_threads(recipe["threads"])
        torch.manual_seed(recipe["seed"])
        network = {**recipe["network"], "num_classes": len(recipe["classes"])}
        self.meta = {"recipe": recipe, "distances": self.distances, "network": network}
        self.net = SfrNet(SfrNetConfig.from_json(network)).to(memory_format=torch.channels_last)
        self.ema = copy.deepcopy(self.net).eval()
        self.optimizer = self._optimizer()
        self.step, self.best = 0, -1.0
        scenes = load_scenes(recipe, "train", data)
        scenes += [zoomed(scene, factor) for factor in recipe["zooms"] for scene in scenes]
        self.sampler = Sampler(scenes, recipe, self.distances)
        self.validation = load_scenes(recipe, "validation", data)
        self.class_weights = self._class_weights()
        out.mkdir(parents=True, exist_ok=True)

    def _optimizer(self) -> torch.optim.Optimizer:
        named = list(self.net.named_parameters())
        decayed = [p for _, p in named if p.ndim > 1]
        free = [p for _, p in named if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": self.recipe["weightDecay"]}, {"params": free, "weight_decay": 0.0}]
        return torch.optim.AdamW(groups, lr=self.recipe["lr"])

    def _class_weights(self) -> Tensor:
        """share^-power, times the recipe's factor, scaled to a mean of 1 over the pixels; absent classes weigh nothing."""
        shares = torch.tensor(self.sampler.class_shares(len(self.recipe["classes"])), dtype=torch.float32)
        weights = torch.where(shares > 0, shares.clamp(min=1e-6) ** -self.recipe["classPower"], torch.zeros(()))
        for cls, factor in self.recipe["classWeights"].items():
            weights[int(cls)] *= factor
        return weights / (weights * shares).sum()

    def learning_rate(self, step: int) -> float:
        steps, warmup = self.recipe["steps"], max(1, round(self.recipe["warmup"] * self.recipe["steps"]))
        if step < warmup:
            return self.recipe["lr"] * (step + 1) / warmup
        return self.recipe["lr"] * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        logits = resize(logits, target.shape[1:])
        # Label 0 is no class: its pixels are skipped, and output 0 only ever learns to stay low.
        loss = F.cross_entropy(logits, target, weight=self.class_weights, ignore_index=0)
        return loss + self.recipe["dice"] * dice_loss(logits, target) if self.recipe["dice"] else loss

    def train_step(self) -> float:
        # Seeded by step, so that dropout after a resume equals dropout without one.
        torch.manual_seed(self.recipe["seed"] * 1_000_003 + self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate(self.step)
        x, target = self.sampler.batch(self.step)
        self.net.train()
        logits, auxiliary = self.net(x.float().contiguous(memory_format=torch.channels_last))
        loss = self.loss(logits, target)
        total = loss + self.recipe["auxiliary"] * self.loss(auxiliary, target)
        self.optimizer.zero_grad()
        total.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimizer.step()
        self.step += 1
        self._follow()
        return float(loss.detach())

    def _follow(self) -> None:
        """The averaged network, which is the one scored and kept; young averages follow fast."""
        decay = min(self.recipe["emaDecay"], (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for mine, theirs in zip(self.ema.state_dict().values(), self.net.state_dict().values()):
                if mine.is_floating_point():
                    mine.lerp_(theirs, 1 - decay)
                else:
                    mine.copy_(theirs)

    def save_state(self) -> None:
        state = {
            "step": self.step,
            "best": self.best,
            "meta": json.dumps(self.meta, sort_keys=True),
            "net": self.net.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        write_whole(self.out / "state.pth", torch_bytes(state))

    def resume(self) -> bool:
        """Goes on from state.pth, if there is one."""
        path = self.out / "state.pth"
        if not path.exists():
            return False
        state = torch.load(path, map_location="cpu")
        if state["meta"] != json.dumps(self.meta, sort_keys=True):
            raise SystemExit(f"{path} belongs to another recipe; give another --out")
        self.net.load_state_dict(state["net"])
        self.ema.load_state_dict(state["ema"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.best = state["step"], state["best"]
        self.log({"resumed": self.step})
        return True

    def start_from(self, checkpoint: Path) -> None:
        """Takes the weights of an earlier run; steps, schedule and optimizer begin anew."""
        weights = torch.load(checkpoint, map_location="cpu")["state_dict"]
        self.net.load_state_dict(weights)
        self.ema.load_state_dict(weights)

    def save_checkpoint(self, scores: dict[str, Any]) -> None:
        """mmengine's layout, as `frustum convert` reads it; meta holds plain strings and numbers only."""
        checkpoint = {
            "meta": {"iter": self.step, "frustum": json.dumps({**self.meta, "scores": scores})},
            # Dense copies: channels-last strides are an affair of this machine's convolutions.
            "state_dict": {key: value.detach().clone().contiguous() for key, value in self.ema.state_dict().items()},
            "optimizer": self.optimizer.state_dict(),
        }
        write_whole(self.out / "best.pth", torch_bytes(checkpoint))
        preset = json.dumps(preset_of(self.recipe, self.distances), indent=2) + "\n"
        write_whole(self.out / "preset.json", preset.encode())

    def validate(self, stride: int) -> dict[str, Any]:
        return evaluate(self.ema, self.validation, self.recipe, self.distances, stride)

    def log(self, entry: dict[str, Any]) -> None:
        line = json.dumps(entry)
        with (self.out / "log.jsonl").open("a") as file:
            file.write(line + "\n")
        print(line, flush=True)

    def run(self, until: int | None = None) -> list[float]:
        """Trains to the last step (or to `until`) and returns the losses of the steps it made."""
        steps = self.recipe["steps"]
        losses: list[float] = []
        started, first = time.time(), self.step
        while self.step < min(steps, until or steps):
            losses.append(self.train_step())
            if self.step % 20 == 0:
                pace = (time.time() - started) / (self.step - first)
                self.log({"step": self.step, "loss": round(sum(losses[-20:]) / len(losses[-20:]), 4), "s": round(pace, 3)})
            if self.step in self.recipe["validateAt"] or self.step == steps:
                scores = self.validate(self.recipe["window"])
                self.log({"step": self.step, "validation": {k: v for k, v in scores.items() if k != "confusion"}})
                if scores["main"]["miou"] > self.best:
                    self.best = scores["main"]["miou"]
                    self.save_checkpoint(scores["main"])
            if self.step % self.recipe["saveEvery"] == 0 or self.step == steps:
                self.save_state()
        return losses


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path, nargs="?")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--context", choices=("on", "off"), default="on", help="off: all three windows are the local one")
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA)
    parser.add_argument("--init", type=Path, metavar="CHECKPOINT", help="start from these weights: another round")
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=JSON", help="overrides a field of the recipe")
    parser.add_argument("--smoke", action="store_true", help="check in minutes that training learns and resumes")
    args = parser.parse_args()
    if args.smoke:
        from smoke import smoke

        smoke()
        return
    if args.recipe is None or args.out is None:
        parser.error("a recipe and --out are required")
    trainer = Trainer(read_recipe(args.recipe, args.set), args.context == "on", args.data, args.out)
    if not trainer.resume() and args.init is not None:
        trainer.start_from(args.init)
    trainer.run()
    print(f"best on validation: mIoU {trainer.best:.4f} without overlap; evaluate.py scores {args.out / 'best.pth'} in full")


if __name__ == "__main__":
    main()
