"""A Llama in plain PyTorch operators, with a cache of keys and values that is allocated once: what a careful eager loop costs, without
transformers around it. Reads a Hugging Face folder of one model.safetensors.
"""
import json
import pathlib
import struct

import torch
from torch.nn import functional

DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


def read_safetensors(path: pathlib.Path) -> dict:
    data = bytearray(path.read_bytes())
    size = struct.unpack("<Q", data[:8])[0]
    out = {}
    for name, tensor in json.loads(data[8:8 + size]).items():
        if name != "__metadata__":
            begin, end = tensor["data_offsets"]
            part = data[8 + size + begin:8 + size + end]
            out[name] = torch.frombuffer(part, dtype=DTYPES[tensor["dtype"]]).reshape(tensor["shape"]).float()
    return out


class PlainLlama:
    def __init__(self, folder: str, batch: int, tokens: int):
        config = json.loads(pathlib.Path(folder, "config.json").read_text())
        self.weights = read_safetensors(pathlib.Path(folder, "model.safetensors"))
        self.layers, self.heads, self.kv_heads = (config[key] for key in ("num_hidden_layers", "num_attention_heads", "num_key_value_heads"))
        self.width, self.eps = config["hidden_size"] // self.heads, config["rms_norm_eps"]
        theta = config.get("rope_theta") or config["rope_parameters"]["rope_theta"]
        angles = torch.outer(torch.arange(tokens).float(), theta ** (-torch.arange(0, self.width, 2).float() / self.width))
        self.cos, self.sin = torch.cat([angles, angles], 1).cos(), torch.cat([angles, angles], 1).sin()
        self.cache = torch.zeros(self.layers, 2, batch, self.kv_heads, tokens, self.width)
        for layer in range(self.layers):
            at = f"model.layers.{layer}."
            join = lambda *names: torch.cat([self.weights[at + name + ".weight"] for name in names])
            self.weights[at + "qkv"] = join("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
            self.weights[at + "gate_up"] = join("mlp.gate_proj", "mlp.up_proj")
        self.head = self.weights.get("lm_head.weight", self.weights["model.embed_tokens.weight"])

    def norm(self, x, name: str):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weights[name + ".weight"]

    def rope(self, x, past: int):
        cos, sin = self.cos[past:past + x.shape[2]], self.sin[past:past + x.shape[2]]
        low, high = x.chunk(2, -1)
        return x * cos + torch.cat([-high, low], -1) * sin

    def forward(self, ids, past: int):
        """Arg-max of the logits at the last position of each sequence."""
        batch, n = ids.shape
        x = self.weights["model.embed_tokens.weight"][ids]
        mask = None if n == 1 else torch.full((n, past + n), float("-inf")).triu(past + 1)
        for layer in range(self.layers):
            at = f"model.layers.{layer}."
            qkv = functional.linear(self.norm(x, at + "input_layernorm"), self.weights[at + "qkv"])
            heads = qkv.view(batch, n, -1, self.width).transpose(1, 2)
            queries, keys, values = heads.split([self.heads, self.kv_heads, self.kv_heads], 1)
            cache = self.cache[layer]
            cache[0, :, :, past:past + n], cache[1, :, :, past:past + n] = self.rope(keys, past), values
            grouped = self.rope(queries, past).reshape(batch, self.kv_heads, -1, self.width)  # the rows of a group share their keys
            scores = grouped @ cache[0, :, :, :past + n].transpose(-1, -2) / self.width**0.5
            if mask is not None:
                scores = scores + mask.repeat(self.heads // self.kv_heads, 1)
            mixed = (scores.softmax(-1) @ cache[1, :, :, :past + n]).view(batch, self.heads, n, self.width)
            x = x + functional.linear(mixed.transpose(1, 2).reshape(batch, n, -1), self.weights[at + "self_attn.o_proj.weight"])
            gate, up = functional.linear(self.norm(x, at + "post_attention_layernorm"), self.weights[at + "gate_up"]).chunk(2, -1)
            x = x + functional.linear(functional.silu(gate) * up, self.weights[at + "mlp.down_proj.weight"])
        return functional.linear(self.norm(x[:, -1], "model.norm"), self.head).argmax(-1)

    def generate(self, ids, new: int) -> list:
        with torch.inference_mode():
            out, past = [self.forward(ids, 0)], ids.shape[1]
            while len(out) < new:
                out.append(self.forward(out[-1].unsqueeze(1), past + len(out) - 1))
        return torch.stack(out, 1).tolist()
