"""SFR-Net (arXiv 2605.25737) at any width, with the published state-dict names.

Three views of one place enter as nine channels of 0..255: the local window, the short-range window and the long-range
window, each RGB and of the same size. The main encoder sees the local window, two smaller encoders see the context, the
CCSF neck lets the deepest local map query both, and a UPerNet head scores every pixel of the local window.

The published scale embeddings are never trained nor saved; here they are zero unless `forward` is given some.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MEAN = (123.675, 116.28, 103.53)
STD = (58.395, 57.12, 57.375)


@dataclass
class SwinConfig:
    embed_dims: int
    depths: Sequence[int]
    num_heads: Sequence[int]
    window_size: int


@dataclass
class ResNetConfig:
    """ResNetV1c-18; the last of its four maps has 8 x `base_channels` channels."""

    stem_channels: int
    base_channels: int


@dataclass
class SfrNetConfig:
    main: SwinConfig | ResNetConfig
    sub: Sequence[ResNetConfig]
    channels: int
    aux_channels: int
    num_classes: int
    pool_scales: Sequence[int] = field(default_factory=lambda: [1, 2, 3, 6])

    @staticmethod
    def from_json(spec: dict[str, Any]) -> SfrNetConfig:
        main = dict(spec["main"])
        kind = main.pop("kind")
        return SfrNetConfig(
            main=SwinConfig(**main) if kind == "swin" else ResNetConfig(**main),
            sub=[ResNetConfig(**sub) for sub in spec["sub"]],
            channels=spec["channels"],
            aux_channels=spec["aux_channels"],
            num_classes=spec["num_classes"],
            pool_scales=spec.get("pool_scales", [1, 2, 3, 6]),
        )


def resize(x: Tensor, size: Sequence[int]) -> Tensor:
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=False)


class ConvModule(nn.Module):
    """Convolution without bias, batch norm, and ReLU unless `act` is off."""

    def __init__(self, cin: int, cout: int, kernel: int, act: bool = True):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, kernel, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(cout)
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(self.conv(x))
        return F.relu(x) if self.act else x


# --- Swin ----------------------------------------------------------------------------------------------------------


def relative_position_index(window: int) -> Tensor:
    """[i, j] = (yi - yj + w - 1) * (2w - 1) + (xi - xj + w - 1) over the tokens of one window, row-major."""
    y, x = torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")
    y, x = y.flatten(), x.flatten()
    dy = y[:, None] - y[None, :] + window - 1
    dx = x[:, None] - x[None, :] + window - 1
    return dy * (2 * window - 1) + dx


def to_windows(x: Tensor, w: int) -> Tensor:
    """B,H,W,C with H and W multiples of w -> B, windows, w*w, C."""
    b, h, wd, c = x.shape
    return x.view(b, h // w, w, wd // w, w, c).permute(0, 1, 3, 2, 4, 5).reshape(b, -1, w * w, c)


def from_windows(x: Tensor, w: int, h: int, wd: int) -> Tensor:
    b, c = x.shape[0], x.shape[-1]
    return x.view(b, h // w, wd // w, w, w, c).permute(0, 1, 3, 2, 4, 5).reshape(b, h, wd, c)


class WindowMSA(nn.Module):
    def __init__(self, dims: int, heads: int, window: int):
        super().__init__()
        self.heads = heads
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        self.register_buffer("relative_position_index", relative_position_index(window))
        self.qkv = nn.Linear(dims, dims * 3)
        self.proj = nn.Linear(dims, dims)
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """x: B, windows, tokens, C. mask: windows, tokens, tokens; added to the scores."""
        b, n, t, c = x.shape
        q, k, v = self.qkv(x).view(b, n, t, 3, self.heads, c // self.heads).permute(3, 0, 1, 4, 2, 5).unbind(0)
        scores = (q * (c // self.heads) ** -0.5) @ k.transpose(-2, -1)
        bias = self.relative_position_bias_table[self.relative_position_index.view(-1)].view(t, t, self.heads)
        scores = scores + bias.permute(2, 0, 1)
        if mask is not None:
            scores = scores + mask[None, :, None]
        out = scores.softmax(-1) @ v
        return self.proj(out.transpose(2, 3).reshape(b, n, t, c))


class ShiftWindowMSA(nn.Module):
    def __init__(self, dims: int, heads: int, window: int, shift: int):
        super().__init__()
        self.window, self.shift = window, shift
        self.w_msa = WindowMSA(dims, heads, window)

    def mask(self, h: int, w: int, device: torch.device) -> Tensor:
        """Tokens that the roll brought together from different sides of the map do not see each other."""
        cuts = (slice(0, -self.window), slice(-self.window, -self.shift), slice(-self.shift, None))
        region = torch.zeros(1, h, w, 1, device=device)
        for i, ys in enumerate(cuts):
            for j, xs in enumerate(cuts):
                region[:, ys, xs] = 3 * i + j
        ids = to_windows(region, self.window)[0, :, :, 0]
        return (ids[:, None, :] != ids[:, :, None]).float() * -100.0

    def forward(self, x: Tensor) -> Tensor:
        """x: B,H,W,C after norm. The zeros that pad it to whole windows take part as tokens, as published."""
        _, h, w, _ = x.shape
        x = F.pad(x, (0, 0, 0, -w % self.window, 0, -h % self.window))
        ph, pw = x.shape[1:3]
        mask = None
        if self.shift:
            x = torch.roll(x, (-self.shift, -self.shift), (1, 2))
            mask = self.mask(ph, pw, x.device)
        x = from_windows(self.w_msa(to_windows(x, self.window), mask), self.window, ph, pw)
        if self.shift:
            x = torch.roll(x, (self.shift, self.shift), (1, 2))
        return x[:, :h, :w].contiguous()


class FFN(nn.Module):
    def __init__(self, dims: int):
        super().__init__()
        # Nested so that the keys read layers.0.0 and layers.1, as published.
        self.layers = nn.Sequential(nn.Sequential(nn.Linear(dims, 4 * dims), nn.GELU()), nn.Linear(4 * dims, dims))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class SwinBlock(nn.Module):
    def __init__(self, dims: int, heads: int, window: int, shifted: bool):
        super().__init__()
        self.norm1 = nn.LayerNorm(dims)
        self.attn = ShiftWindowMSA(dims, heads, window, window // 2 if shifted else 0)
        self.norm2 = nn.LayerNorm(dims)
        self.ffn = FFN(dims)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.ffn(self.norm2(x))


class PatchMerging(nn.Module):
    """2x2 neighbourhoods, channel-major (c*4 + ky*2 + kx), which is not the order of the original Swin."""

    def __init__(self, dims: int):
        super().__init__()
        self.norm = nn.LayerNorm(4 * dims)
        self.reduction = nn.Linear(4 * dims, 2 * dims, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(x, (0, 0, 0, x.shape[2] % 2, 0, x.shape[1] % 2))
        b, h, w, c = x.shape
        x = x.view(b, h // 2, 2, w // 2, 2, c).permute(0, 1, 3, 5, 2, 4).reshape(b, h // 2, w // 2, 4 * c)
        return self.reduction(self.norm(x))


class SwinStage(nn.Module):
    def __init__(self, dims: int, depth: int, heads: int, window: int, last: bool):
        super().__init__()
        self.blocks = nn.ModuleList(SwinBlock(dims, heads, window, shifted=i % 2 == 1) for i in range(depth))
        self.downsample = None if last else PatchMerging(dims)


class PatchEmbed(nn.Module):
    def __init__(self, dims: int):
        super().__init__()
        self.projection = nn.Conv2d(3, dims, 4, stride=4)
        self.norm = nn.LayerNorm(dims)

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(x, (0, -x.shape[3] % 4, 0, -x.shape[2] % 4))
        return self.norm(self.projection(x).permute(0, 2, 3, 1))


class Swin(nn.Module):
    def __init__(self, cfg: SwinConfig):
        super().__init__()
        self.patch_embed = PatchEmbed(cfg.embed_dims)
        self.out_channels = [cfg.embed_dims << i for i in range(len(cfg.depths))]
        self.stages = nn.ModuleList(
            SwinStage(dims, depth, heads, cfg.window_size, last=dims == self.out_channels[-1])
            for dims, depth, heads in zip(self.out_channels, cfg.depths, cfg.num_heads)
        )
        for i, dims in enumerate(self.out_channels):
            self.add_module(f"norm{i}", nn.LayerNorm(dims))

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.patch_embed(x)
        maps = []
        for i, stage in enumerate(self.stages):
            for block in stage.blocks:
                x = block(x)
            # The output is normed; what goes on to the next stage is not.
            maps.append(getattr(self, f"norm{i}")(x).permute(0, 3, 1, 2))
            if stage.downsample is not None:
                x = stage.downsample(x)
        return maps


# --- ResNetV1c -----------------------------------------------------------------------------------------------------


class BasicBlock(nn.Module):
    def __init__(self, cin: int, cout: int, stride: int, dilation: int):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, padding=dilation, dilation=dilation, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Sequential(nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout))

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(x)) + shortcut)


class ResNetV1c(nn.Module):
    """ResNet-18 with a deep stem; strides 4, 8, 8, 8, its depth beyond stride 8 bought with dilation."""

    def __init__(self, cfg: ResNetConfig):
        super().__init__()
        stem, half = cfg.stem_channels, cfg.stem_channels // 2
        layers: list[nn.Module] = []
        for cin, cout, stride in ((3, half, 2), (half, half, 1), (half, stem, 1)):
            layers += [nn.Conv2d(cin, cout, 3, stride, 1, bias=False), nn.BatchNorm2d(cout), nn.ReLU()]
        self.stem = nn.Sequential(*layers)
        self.out_channels = [cfg.base_channels << i for i in range(4)]
        cin = stem
        # (stride, dilation of the first block, of the second): the first lags behind, as published (contract_dilation).
        plan = ((1, 1, 1), (2, 1, 1), (1, 1, 2), (1, 2, 4))
        for i, (cout, (stride, first, second)) in enumerate(zip(self.out_channels, plan)):
            blocks = nn.Sequential(BasicBlock(cin, cout, stride, first), BasicBlock(cout, cout, 1, second))
            self.add_module(f"layer{i + 1}", blocks)
            cin = cout

    def forward(self, x: Tensor) -> list[Tensor]:
        x = F.max_pool2d(self.stem(x), 3, 2, 1)
        maps = []
        for i in range(4):
            x = getattr(self, f"layer{i + 1}")(x)
            maps.append(x)
        return maps


# --- Neck and heads ------------------------------------------------------------------------------------------------


class MlpAlign(nn.Module):
    def __init__(self, cin: int, cout: int):
        super().__init__()
        self.mlp = nn.Sequential(nn.Conv2d(cin, 3 * cin, 1), nn.ReLU(), nn.Conv2d(3 * cin, cout, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.mlp(x)


def projection(cin: int, mid: int, cout: int) -> nn.Sequential:
    return nn.Sequential(ConvModule(cin, mid, 1, act=False), ConvModule(mid, cout, 1, act=False))


class CrossScaleAttention(nn.Module):
    """Every position of the query map asks all positions of one context map; the answer is added to it."""

    def __init__(self, channels: int):
        super().__init__()
        low = channels // 4
        self.key_project = projection(channels // 2, low, low)
        self.query_project = projection(channels, low, low)
        self.value_project = projection(channels // 2, low, low)
        self.out_project = projection(low, channels, channels)
        self.scale = low**-0.5

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        q = self.query_project(x).flatten(2).transpose(1, 2)
        k = self.key_project(context).flatten(2)
        v = self.value_project(context).flatten(2).transpose(1, 2)
        found = ((q @ k) * self.scale).softmax(-1) @ v
        found = found.transpose(1, 2).reshape(x.shape[0], -1, *x.shape[2:])
        return self.out_project(found) + x


class CcsfNeck(nn.Module):
    def __init__(self, channels: int, sub_channels: Sequence[int]):
        super().__init__()
        self.mlp_align_1 = MlpAlign(sub_channels[0], channels // 2)
        self.mlp_align_2 = MlpAlign(sub_channels[1], channels // 2)
        self.ccsf1 = CrossScaleAttention(channels)
        self.ccsf2 = CrossScaleAttention(channels)

    def forward(self, x: Tensor, short: Tensor, long: Tensor) -> Tensor:
        q1 = self.ccsf1(x, self.mlp_align_1(short))
        q2 = self.ccsf2(q1, self.mlp_align_2(long))
        return x + q1 + q2


class UperHead(nn.Module):
    def __init__(self, in_channels: Sequence[int], channels: int, pool_scales: Sequence[int], num_classes: int):
        super().__init__()
        self.dropout = nn.Dropout2d(0.1)
        self.conv_seg = nn.Conv2d(channels, num_classes, 1)
        self.psp_modules = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(s), ConvModule(in_channels[-1], channels, 1)) for s in pool_scales
        )
        self.bottleneck = ConvModule(in_channels[-1] + len(pool_scales) * channels, channels, 3)
        self.lateral_convs = nn.ModuleList(ConvModule(c, channels, 1) for c in in_channels[:-1])
        self.fpn_convs = nn.ModuleList(ConvModule(channels, channels, 3) for _ in in_channels[:-1])
        self.fpn_bottleneck = ConvModule(len(in_channels) * channels, channels, 3)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        top = maps[-1]
        pooled = [resize(module(top), top.shape[2:]) for module in self.psp_modules]
        laterals = [conv(x) for conv, x in zip(self.lateral_convs, maps)]
        laterals.append(self.bottleneck(torch.cat([top, *pooled], 1)))
        for i in range(len(laterals) - 1, 0, -1):
            laterals[i - 1] = laterals[i - 1] + resize(laterals[i], laterals[i - 1].shape[2:])
        levels = [conv(x) for conv, x in zip(self.fpn_convs, laterals)] + [laterals[-1]]
        size = levels[0].shape[2:]
        fused = self.fpn_bottleneck(torch.cat([levels[0], *(resize(x, size) for x in levels[1:])], 1))
        return self.conv_seg(self.dropout(fused))


class AuxiliaryHead(nn.Module):
    """Scores the unfused main map, in training only."""

    def __init__(self, cin: int, channels: int, num_classes: int):
        super().__init__()
        self.conv_seg = nn.Conv2d(channels, num_classes, 1)
        self.convs = nn.Sequential(ConvModule(cin, channels, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv_seg(self.convs(x))


class Backbone(nn.Module):
    def __init__(self, cfg: SfrNetConfig):
        super().__init__()
        self.main_encoder = Swin(cfg.main) if isinstance(cfg.main, SwinConfig) else ResNetV1c(cfg.main)
        self.sub_encoder1 = ResNetV1c(cfg.sub[0])
        self.sub_encoder2 = ResNetV1c(cfg.sub[1])


class SfrNet(nn.Module):
    def __init__(self, cfg: SfrNetConfig):
        super().__init__()
        self.backbone = Backbone(cfg)
        widths = self.backbone.main_encoder.out_channels
        subs = [self.backbone.sub_encoder1.out_channels[-1], self.backbone.sub_encoder2.out_channels[-1]]
        self.neck = CcsfNeck(widths[-1], subs)
        self.decode_head = UperHead(widths, cfg.channels, cfg.pool_scales, cfg.num_classes)
        self.auxiliary_head = AuxiliaryHead(widths[-1], cfg.aux_channels, cfg.num_classes)
        # Constants of the data, not of the training: kept out of the state dict, as published.
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)
        self.apply(_init_weights)
        nn.init.normal_(self.decode_head.conv_seg.weight, std=0.01)
        nn.init.normal_(self.auxiliary_head.conv_seg.weight, std=0.01)

    def views(self, x: Tensor, scale_embed: Sequence[Tensor] | None) -> list[Tensor]:
        """The three windows of N,9,H,W in 0..255, normalised; each H,W embedding is added to all three channels."""
        views = [(view - self.mean) / self.std for view in x.float().chunk(3, 1)]
        if scale_embed is not None:
            views = [view + embed for view, embed in zip(views, scale_embed)]
        return views

    def features(self, x: Tensor, scale_embed: Sequence[Tensor] | None = None) -> dict[str, Any]:
        local, short, long = self.views(x, scale_embed)
        main = self.backbone.main_encoder(local)
        sub1 = self.backbone.sub_encoder1(short)[-1]
        sub2 = self.backbone.sub_encoder2(long)[-1]
        return {"main": main, "sub1": sub1, "sub2": sub2, "ccsf": self.neck(main[-1], sub1, sub2)}

    def forward(self, x: Tensor, scale_embed: Sequence[Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """Raw scores at stride 4 from the decode head, and those of the auxiliary head at the deepest map's stride."""
        f = self.features(x, scale_embed)
        return self.decode_head([*f["main"][:-1], f["ccsf"]]), self.auxiliary_head(f["main"][-1])

    def predict(self, x: Tensor, scale_embed: Sequence[Tensor] | None = None) -> Tensor:
        """Raw scores of every pixel of the local window, N,classes,H,W."""
        f = self.features(x, scale_embed)
        return resize(self.decode_head([*f["main"][:-1], f["ccsf"]]), x.shape[2:])


def _init_weights(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
