"""The windows of a place and how they are sampled: numpy twins of the product's `centred` geometry and 8-bit resize.

Training must see exactly what inference sees, so every rule here is an integer rule.
"""

from __future__ import annotations

from typing import Sequence

import numpy as np


def pad_to_frame(image: np.ndarray, multiple: int) -> np.ndarray:
    """Zeros on the right and at the bottom, up to a multiple of `multiple`."""
    h, w = image.shape[:2]
    rest = [(0, 0)] * (image.ndim - 2)
    return np.pad(image, [(0, -h % multiple), (0, -w % multiple), *rest])


def axis_span(start: int, window: int, distance: int, frame: int) -> tuple[int, int]:
    """Start and size, along one axis, of the window at `distance` about the local window at `start`."""
    size = distance * window
    if size >= frame:
        return 0, frame
    centred = start + (window - size) // 2
    return min(max(centred, 0), frame - size), size


def axis_weights(size: int, target: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each target position: source index (unclamped) and the two 11-bit weights of OpenCV's linear resize."""
    scale = 1.0 / (target / size)
    f = ((np.arange(target) + 0.5) * scale - 0.5).astype(np.float32)
    s = np.floor(f).astype(np.int64)
    f = f - s.astype(np.float32)
    return s, np.rint((1 - f) * np.float32(2048)).astype(np.int64), np.rint(f * np.float32(2048)).astype(np.int64)


def resize_u8(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """OpenCV's 8-bit INTER_LINEAR, bit for bit, for H,W,C images."""
    h, w = image.shape[:2]
    if (h, w) == (height, width):
        return image
    if (h, w) == (2 * height, 2 * width):
        return mean_2x2(image, 0, 2)
    x, a0, a1 = axis_weights(w, width)
    y, b0, b1 = axis_weights(h, height)
    # Columns beyond the edge take the edge pixel whole; rows only have their indices clamped.
    outside = (x < 0) | (x >= w - 1)
    a0, a1 = np.where(outside, 2048, a0), np.where(outside, 0, a1)
    x0, x1 = np.clip(x, 0, w - 1), np.clip(x + 1, 0, w - 1)
    y0, y1 = np.clip(y, 0, h - 1), np.clip(y + 1, 0, h - 1)

    def row_sums(rows: np.ndarray) -> np.ndarray:
        taken = image[rows].astype(np.int64)
        return (taken[:, x0] * a0[None, :, None] + taken[:, x1] * a1[None, :, None]) >> 4

    upper, lower = row_sums(y0), row_sums(y1)
    out = ((b0[:, None, None] * upper) >> 16) + ((b1[:, None, None] * lower) >> 16)
    return ((out + 2) >> 2).astype(np.uint8)


def mean_2x2(image: np.ndarray, phase: int, step: int) -> np.ndarray:
    """Rounded mean of the 2x2 pixels at step*k + phase and the next."""
    near, far = slice(phase, None, step), slice(phase + 1, None, step)
    total = image[near, near].astype(np.uint16) + image[near, far] + image[far, near] + image[far, far]
    return ((total + 2) >> 2).astype(np.uint8)


def shrink(image: np.ndarray, window: int) -> np.ndarray:
    """`resize_u8` to window x window; whole factors are slices, which is what makes sampling cheap."""
    h, w = image.shape[:2]
    factor = h // window
    if h != w or h != factor * window:
        return resize_u8(image, window, window)
    if factor % 2:
        return image[factor // 2 :: factor, factor // 2 :: factor]
    return mean_2x2(image, factor // 2 - 1, factor)


def view_stack(frame: np.ndarray, y: int, x: int, window: int, distances: Sequence[int]) -> np.ndarray:
    """window x window x 9: the views of the local window at (y, x) of an H,W,3 frame, nearest first."""
    views = []
    for distance in distances:
        y0, height = axis_span(y, window, distance, frame.shape[0])
        x0, width = axis_span(x, window, distance, frame.shape[1])
        views.append(shrink(frame[y0 : y0 + height, x0 : x0 + width], window))
    return np.concatenate(views, 2)


def window_starts(size: int, window: int, stride: int) -> list[tuple[int, int]]:
    """Distinct starts along one axis and how often the published loop runs each (the border is visited again)."""
    starts, counts = np.unique(np.minimum(np.arange(0, size, stride), size - window), return_counts=True)
    return list(zip(starts.tolist(), counts.tolist()))
