"""Training batches: a pure function of recipe, scenes, seed and step, so that a resumed run sees what it would have seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from scenes import Scene
from windows import pad_to_frame, view_stack

PLACES_PER_CLASS = 50_000


class Sampler:
    def __init__(self, scenes: list[Scene], recipe: dict[str, Any], distances: list[int]):
        self.recipe, self.distances = recipe, distances
        self.window = recipe["window"]
        self.frames = [
            (pad_to_frame(s.image, recipe["padTo"]), pad_to_frame(s.labels, recipe["padTo"])) for s in scenes
        ]
        areas = np.array([labels.size for _, labels in self.frames], float)
        self.scene_odds = areas / areas.sum()
        self.places = self._places(len(recipe["classes"]))
        scored = [(cls, rows) for cls, rows in self.places if cls not in recipe["scoreIgnores"]]
        shares = self.class_shares(len(recipe["classes"]))[[cls for cls, _ in scored]]
        self.scored_places = [rows for _, rows in scored]
        self.scored_odds = shares / shares.sum()

    def _places(self, classes: int) -> list[tuple[int, np.ndarray]]:
        """For each class that occurs, the class and a fixed draw of (scene, y, x) where it does."""
        rng = np.random.default_rng(self.recipe["seed"])
        places = []
        for cls in range(1, classes):
            found = []
            for i, (_, labels) in enumerate(self.frames):
                # A regular subset keeps the memory of large scenes down; rare classes are kept whole.
                at = np.flatnonzero(labels == cls)
                at = at[:: max(1, at.size // PLACES_PER_CLASS)]
                y, x = np.divmod(at, labels.shape[1])
                weight = np.count_nonzero(labels == cls) / max(1, at.size)
                found.append(np.stack([np.full_like(y, i), y, x, np.full_like(y, weight)], 1))
            rows = np.concatenate(found)
            if rows.size:
                odds = rows[:, 3] / rows[:, 3].sum()
                places.append((cls, rows[rng.choice(len(rows), PLACES_PER_CLASS, p=odds)][:, :3]))
        return places

    def _place(self, rng: np.random.Generator) -> tuple[int, int, int]:
        w = self.window
        draw = rng.random()
        if draw < self.recipe["balanced"] + self.recipe["focus"]:
            # Classes alike, or the classes that are scored by how often they occur.
            if draw < self.recipe["balanced"]:
                rows = self.places[rng.integers(len(self.places))][1]
            else:
                rows = self.scored_places[rng.choice(len(self.scored_odds), p=self.scored_odds)]
            i, y, x = rows[rng.integers(len(rows))].tolist()
            y, x = y - int(rng.integers(w)), x - int(rng.integers(w))
        else:
            i = int(rng.choice(len(self.frames), p=self.scene_odds))
            h, wd = self.frames[i][1].shape
            y, x = int(rng.integers(h - w + 1)), int(rng.integers(wd - w + 1))
        h, wd = self.frames[i][1].shape
        return i, min(max(y, 0), h - w), min(max(x, 0), wd - w)

    def _recolour(self, stack: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """One tone curve a channel, the same on all three views: gamma, contrast, brightness, a tint."""
        strength = self.recipe["colourJitter"]
        if strength == 0:
            return stack
        gamma = np.exp(rng.uniform(-1, 1) * strength)
        contrast = 1 + rng.uniform(-1, 1) * strength
        shift = rng.uniform(-1, 1) * strength * 0.5 + rng.uniform(-1, 1, 3) * strength * 0.25
        grey = np.linspace(0, 1, 256)[:, None]
        curves = ((grey**gamma - 0.5) * contrast + 0.5 + shift).clip(0, 1)
        table = np.rint(curves * 255).astype(np.uint8)
        return np.stack([table[:, c % 3][stack[..., c]] for c in range(9)], 2)

    def sample(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        i, y, x = self._place(rng)
        image, labels = self.frames[i]
        stack = view_stack(image, y, x, self.window, self.distances)
        target = labels[y : y + self.window, x : x + self.window]
        stack = self._recolour(stack, rng)
        # Mirrors and quarter turns keep the three views concentric. Recipes whose north is up use mirrors alone.
        if rng.random() < 0.5:
            stack, target = stack[:, ::-1], target[:, ::-1]
        if rng.random() < 0.5:
            stack, target = stack[::-1], target[::-1]
        if self.recipe["turns"] and rng.random() < 0.5:
            stack, target = stack.transpose(1, 0, 2), target.T
        return stack, target

    def batch(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        rng = np.random.default_rng([self.recipe["seed"], step])
        drawn = [self.sample(rng) for _ in range(self.recipe["batch"])]
        x = np.stack([stack for stack, _ in drawn]).transpose(0, 3, 1, 2)
        y = np.stack([target for _, target in drawn])
        return torch.from_numpy(np.ascontiguousarray(x)), torch.from_numpy(y.astype(np.int64))

    def class_shares(self, classes: int) -> np.ndarray:
        counts = sum(np.bincount(labels.ravel(), minlength=classes) for _, labels in self.frames).astype(float)
        counts[0] = 0
        return counts / counts.sum()
