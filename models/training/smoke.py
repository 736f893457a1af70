"""A run of minutes on made-up scenes: the loss falls, a resumed run ends bit for bit where an unbroken one does."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch

from evaluate import evaluate, load_checkpoint
from train import Trainer, read_recipe

RECIPE = Path(__file__).resolve().parent / "recipes" / "smoke.json"


def smoke() -> None:
    recipe = read_recipe(RECIPE, [])
    with tempfile.TemporaryDirectory() as folder:
        whole = Trainer(recipe, True, Path(), Path(folder) / "whole")
        losses = whole.run()
        early, late = sum(losses[:10]) / 10, sum(losses[-10:]) / 10
        assert late < 0.7 * early, f"the loss did not fall: {early:.3f} -> {late:.3f}"

        broken = Path(folder) / "broken"
        Trainer(recipe, True, Path(), broken).run(until=recipe["saveEvery"])
        resumed = Trainer(recipe, True, Path(), broken)
        resumed.resume()
        assert resumed.step == recipe["saveEvery"]
        resumed.run()
        for name in ("net", "ema"):
            states = [getattr(trainer, name).state_dict() for trainer in (whole, resumed)]
            unequal = [key for key in states[0] if not torch.equal(states[0][key], states[1][key])]
            assert not unequal, f"{name} differs after the resume: {unequal[:3]}"

        net, meta = load_checkpoint(Path(folder) / "whole" / "best.pth")
        scores = evaluate(net, whole.validation, recipe, meta["distances"], recipe["window"] // 2)["main"]
        assert scores["oa"] > 0.8, scores

        Trainer(recipe, False, Path(), Path(folder) / "off").run(until=2)
    print(f"smoke: loss {early:.3f} -> {late:.3f}, OA {scores['oa']:.3f}, resume exact")
