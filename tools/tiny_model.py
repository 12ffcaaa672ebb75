"""The network that train_tiny.py trains: Llama's, under the names that its checkpoints have in Hugging Face's form."""
import json
import math
import pathlib

import torch
from torch import nn
from torch.nn import functional as F

HEAD_DIM, THETA, EPS = 32, 10000.0, 1e-5


class Norm(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        wide = x.float()
        return self.weight * wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + EPS)


class Attention(nn.Module):
    def __init__(self, c: dict):
        super().__init__()
        self.heads, self.kv_heads = c["heads"], c["kv_heads"]
        self.q_proj = nn.Linear(c["hidden"], self.heads * HEAD_DIM, bias=False)
        self.k_proj = nn.Linear(c["hidden"], self.kv_heads * HEAD_DIM, bias=False)
        self.v_proj = nn.Linear(c["hidden"], self.kv_heads * HEAD_DIM, bias=False)
        self.o_proj = nn.Linear(self.heads * HEAD_DIM, c["hidden"], bias=False)

    def forward(self, x, cos, sin):
        batch, length, _ = x.shape

        def heads(y, n):
            return y.view(batch, length, n, HEAD_DIM).transpose(1, 2)

        def rotate(y):
            a, b = y.chunk(2, dim=-1)
            return (y * cos + torch.cat((-b, a), dim=-1) * sin).to(y.dtype)

        q, k = rotate(heads(self.q_proj(x), self.heads)), rotate(heads(self.k_proj(x), self.kv_heads))
        v, groups = heads(self.v_proj(x), self.kv_heads), self.heads // self.kv_heads
        out = F.scaled_dot_product_attention(q, k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1), is_causal=True)
        return self.o_proj(out.transpose(1, 2).reshape(batch, length, -1))


class Mlp(nn.Module):
    def __init__(self, c: dict):
        super().__init__()
        self.gate_proj = nn.Linear(c["hidden"], c["ffn"], bias=False)
        self.up_proj = nn.Linear(c["hidden"], c["ffn"], bias=False)
        self.down_proj = nn.Linear(c["ffn"], c["hidden"], bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, c: dict):
        super().__init__()
        self.input_layernorm, self.self_attn = Norm(c["hidden"]), Attention(c)
        self.post_attention_layernorm, self.mlp = Norm(c["hidden"]), Mlp(c)

    def forward(self, x, cos, sin, drop):
        x = x + drop(self.self_attn(self.input_layernorm(x), cos, sin))
        return x + drop(self.mlp(self.post_attention_layernorm(x)))


class Tiny(nn.Module):
    def __init__(self, c: dict, vocab: int, positions: int, dropout: float):
        super().__init__()
        self.model = nn.Module()
        self.model.embed_tokens = nn.Embedding(vocab, c["hidden"])
        self.model.layers = nn.ModuleList(Layer(c) for _ in range(c["layers"]))
        self.model.norm = Norm(c["hidden"])
        self.drop = nn.Dropout(dropout)
        angles = torch.outer(torch.arange(positions).float(), THETA ** (-torch.arange(0, HEAD_DIM, 2).float() / HEAD_DIM))
        self.register_buffer("cos", torch.cat((angles, angles), -1).cos(), persistent=False)
        self.register_buffer("sin", torch.cat((angles, angles), -1).sin(), persistent=False)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                last = name.endswith(("o_proj.weight", "down_proj.weight"))
                nn.init.normal_(weight, 0.0, 0.02 / (math.sqrt(2 * c["layers"]) if last else 1))

    def forward(self, ids):
        x = self.drop(self.model.embed_tokens(ids))
        cos, sin = self.cos[:ids.shape[1]], self.sin[:ids.shape[1]]
        for layer in self.model.layers:
            x = layer(x, cos, sin, self.drop)
        return F.linear(self.model.norm(x), self.model.embed_tokens.weight)


def save_safetensors(path: pathlib.Path, state: dict) -> None:
    header, data = {"__metadata__": {"format": "pt"}}, []
    at = 0
    for name in sorted(state):
        raw = state[name].half().cpu().contiguous().numpy().tobytes()
        header[name] = {"dtype": "F16", "shape": list(state[name].shape), "data_offsets": [at, at + len(raw)]}
        data.append(raw)
        at += len(raw)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(data))
