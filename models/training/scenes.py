"""Labelled scenes as arrays: an H,W,3 uint8 image and H,W uint8 class ids, 0 meaning "no label"."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

import numpy as np
from PIL import Image

# Scenes are far above the size at which Pillow suspects an attack.
Image.MAX_IMAGE_PIXELS = None

# IGBP class -> group of the recipe "earth".
IGBP_GROUPS = np.array([5, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 6, 2, 1, 2, 7, 8], np.uint8)


@dataclass
class Scene:
    name: str
    image: np.ndarray
    labels: np.ndarray


def load_scenes(recipe: dict[str, Any], split: str, data: Path) -> list[Scene]:
    spec = recipe["data"]
    load = LOADERS[spec["kind"]]
    return [load(spec, entry, data) for entry in spec[split]]


def load_dubai(spec: dict[str, Any], name: str, data: Path) -> Scene:
    """Joins the 3x3 parts of one tile by the manifest."""
    root = data / "dubai-hitl"
    manifest = json.loads((root / "manifest.json").read_text())
    colours = {
        int(colour[1:], 16): entry["id"] for entry in manifest["classes"] for colour in entry["colors"]
    }
    scene = manifest["scenes"][name]
    image = np.zeros((scene["height"], scene["width"], 3), np.uint8)
    labels = np.zeros((scene["height"], scene["width"]), np.uint8)
    for part in scene["parts"]:
        stem = f"image_part_{part['part']:03d}"
        at = (slice(part["y"], part["y"] + part["h"]), slice(part["x"], part["x"] + part["w"]))
        image[at] = np.asarray(Image.open(root / name / "images" / f"{stem}.jpg").convert("RGB"))
        mask = np.asarray(Image.open(root / name / "masks" / f"{stem}.png").convert("RGB")).astype(np.int64)
        packed = (mask[..., 0] << 16) | (mask[..., 1] << 8) | mask[..., 2]
        found = np.unique(packed)
        unknown = [f"#{c:06X}" for c in found.tolist() if c not in colours]
        if unknown:
            raise ValueError(f"{root / name / 'masks' / stem}.png: unknown mask colours {unknown}")
        labels[at] = np.array([colours[c] for c in found.tolist()], np.uint8)[np.searchsorted(found, packed)]
    return Scene(name, image, labels)


def load_igbp(spec: dict[str, Any], name: str, data: Path) -> Scene:
    root = data / "nasa-bluemarble-igbp"
    image = np.asarray(Image.open(root / f"{name}_image.tif").convert("RGB"))
    return Scene(name, image, IGBP_GROUPS[np.asarray(Image.open(root / f"{name}_label.tif"))])


def load_synth(spec: dict[str, Any], name: str, data: Path) -> Scene:
    """A folder written by `frustum synth`; `bands` picks red, green, blue, counted from 1."""
    import tifffile

    folder = data / spec["folder"] / name
    pixels = tifffile.imread(folder / spec["image"])
    if pixels.ndim == 3 and pixels.shape[0] < pixels.shape[2]:
        pixels = pixels.transpose(1, 2, 0)
    image = np.ascontiguousarray(pixels[..., [band - 1 for band in spec["bands"]]])
    return Scene(name, image, tifffile.imread(folder / spec["labels"]).astype(np.uint8))


def load_patches(spec: dict[str, Any], seed: int, data: Path) -> Scene:
    """Random blocks of noisy colour, one colour a class: what the smoke run learns."""
    rng = np.random.default_rng(seed)
    side, block = spec["side"], spec["block"]
    blocks = rng.integers(1, spec["classes"], (side // block, side // block), dtype=np.uint8)
    labels = blocks.repeat(block, 0).repeat(block, 1)
    colours = np.random.default_rng(0).integers(40, 216, (spec["classes"], 3))
    image = colours[labels] + rng.normal(0, 20, (*labels.shape, 3))
    return Scene(f"patches {seed}", image.clip(0, 255).astype(np.uint8), labels)


LOADERS: dict[str, Callable[[dict[str, Any], Any, Path], Scene]] = {
    "dubai": load_dubai,
    "igbp": load_igbp,
    "synth": load_synth,
    "patches": load_patches,
}


def zoomed(scene: Scene, factor: float) -> Scene:
    size = (round(scene.image.shape[1] * factor), round(scene.image.shape[0] * factor))
    image = Image.fromarray(scene.image).resize(size, Image.BILINEAR)
    labels = Image.fromarray(scene.labels).resize(size, Image.NEAREST)
    return Scene(f"{scene.name} x{factor}", np.asarray(image), np.asarray(labels))
