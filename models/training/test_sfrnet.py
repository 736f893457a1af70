"""The PyTorch SFR-Net and the window sampling against numbers made by the published code.

Run with pytest, or plainly: python3 test_sfrnet.py. FRUSTUM_SHARED names the folder that holds golden/.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from sfrnet import SfrNet, SfrNetConfig  # noqa: E402
from windows import resize_u8, shrink, view_stack  # noqa: E402

GOLDEN = Path(os.environ.get("FRUSTUM_SHARED", HERE.parents[2] / "shared")) / "golden"
DTYPES = {"u8": np.uint8, "f32le": np.dtype("<f4")}


def read_array(folder: Path, spec: dict) -> np.ndarray:
    raw = (folder / spec["file"]).read_bytes()
    if spec["gzip"]:
        raw = gzip.decompress(raw)
    return np.frombuffer(raw, DTYPES[spec["dtype"]]).reshape(spec["shape"])


def load_model(name: str) -> SfrNet:
    folder = GOLDEN / "models" / name
    model = SfrNet(SfrNetConfig.from_json(json.loads((folder / "model.json").read_text())))
    checkpoint = folder / ("published_torch2.pth" if name == "tiny" else f"{name}.pth")
    state = torch.load(checkpoint, map_location="cpu")["state_dict"]
    model.load_state_dict(state, strict=True)
    return model.eval()


def test_every_golden_window() -> None:
    cases = sorted(p for p in (GOLDEN / "windows").iterdir() if (p / "case.json").exists())
    assert cases, f"no cases in {GOLDEN}"
    for folder in cases:
        case = json.loads((folder / "case.json").read_text())
        arrays = case["arrays"]
        x = torch.from_numpy(read_array(folder, arrays["input"]).transpose(2, 0, 1).copy())[None]
        embed = None
        if case["scale_embed"] != "zeros":
            embed = [torch.from_numpy(read_array(folder, arrays[f"scale_embed{i}"]).copy()) for i in range(3)]
        with torch.no_grad():
            got = load_model(case["model"]).predict(x, embed)[0].numpy()
        spec = arrays["logits"]
        if "sampled" in spec:
            s = spec["sampled"]
            got = got[:, s["offset_y"] :: s["step"], s["offset_x"] :: s["step"]]
        difference = np.abs(got - read_array(folder, spec))
        print(f"{case['case']}: max {difference.max():.2e} mean {difference.mean():.2e}")
        assert difference.max() <= 1e-3 and difference.mean() <= 5e-5, case["case"]


def test_resize_vectors() -> None:
    folder = GOLDEN / "frustum"
    for case in json.loads((folder / "resize.json").read_text()):
        src, dst = read_array(folder, case["src"]), read_array(folder, case["dst"])
        assert np.array_equal(resize_u8(src, *dst.shape[:2]), dst), case


def test_whole_factors_equal_the_general_resize() -> None:
    rng = np.random.default_rng(0)
    for factor in (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14):
        image = rng.integers(0, 256, (factor * 32, factor * 32, 3), dtype=np.uint8)
        assert np.array_equal(shrink(image, 32), resize_u8(image, 32, 32)), factor


def test_windows_are_concentric_and_stay_inside() -> None:
    y, x = np.mgrid[0:256, 0:256]
    frame = np.stack([y, x, y], 2).astype(np.uint8)
    middle = view_stack(frame, 96, 96, 32, [1, 3, 6])
    assert middle.shape == (32, 32, 9)
    assert middle[0, 0, 0] == 96 and middle[0, 0, 3] == 64 + 1
    corner = view_stack(frame, 0, 224, 32, [1, 3, 1])
    assert corner[0, 0, 3] == 1 and corner[0, 0, 4] == 160 + 1 and np.array_equal(corner[..., :3], corner[..., 6:])
    whole = view_stack(frame, 0, 0, 32, [1, 8, 20])
    assert np.array_equal(whole[..., 3:6], whole[..., 6:])


if __name__ == "__main__":
    for name, check in list(globals().items()):
        if name.startswith("test_"):
            check()
            print("ok", name)
