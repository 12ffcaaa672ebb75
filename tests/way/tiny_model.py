"""Writes a tiny Llama with random weights and a byte-level tokenizer into a folder, in the form of Hugging Face."""
import json
import pathlib
import random
import struct

HIDDEN, LAYERS, HEADS, KV_HEADS, FFN = 16, 2, 4, 2, 24
MERGES = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("i", "n"), ("Ġ", "a")]


def byte_symbols() -> list:
    """GPT-2's characters for the 256 bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(byte) if byte in plain else chr(256 + sum(b not in plain for b in range(byte))) for byte in range(256)]


def tensors(vocab: int) -> dict:
    head = HIDDEN // HEADS
    shapes = {"model.embed_tokens.weight": [vocab, HIDDEN], "model.norm.weight": [HIDDEN], "lm_head.weight": [vocab, HIDDEN]}
    for layer in range(LAYERS):
        at = f"model.layers.{layer}."
        shapes |= {at + "input_layernorm.weight": [HIDDEN], at + "post_attention_layernorm.weight": [HIDDEN],
                   at + "self_attn.q_proj.weight": [HIDDEN, HIDDEN], at + "self_attn.o_proj.weight": [HIDDEN, HIDDEN],
                   at + "self_attn.k_proj.weight": [KV_HEADS * head, HIDDEN], at + "self_attn.v_proj.weight": [KV_HEADS * head, HIDDEN],
                   at + "mlp.gate_proj.weight": [FFN, HIDDEN], at + "mlp.up_proj.weight": [FFN, HIDDEN],
                   at + "mlp.down_proj.weight": [HIDDEN, FFN]}
    return shapes


def write(folder: pathlib.Path, seed: int = 1):
    folder.mkdir(parents=True)
    vocabulary = byte_symbols() + [left + right for left, right in MERGES]
    end = len(vocabulary)
    added = [{"id": end, "content": "<end>", "special": True}, {"id": end + 1, "content": "<begin>", "special": True}]
    (folder / "tokenizer.json").write_text(json.dumps({
        "added_tokens": [{**one, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False} for one in added],
        "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "vocab": {token: i for i, token in enumerate(vocabulary)}, "merges": [" ".join(m) for m in MERGES]}}))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "GPT2TokenizerFast", "bos_token": "<begin>"}))
    vocab = end + 2
    (folder / "config.json").write_text(json.dumps({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": HIDDEN, "intermediate_size": FFN,
        "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS, "vocab_size": vocab,
        "max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu",
        "tie_word_embeddings": False, "torch_dtype": "float32", "bos_token_id": end + 1, "eos_token_id": end}))
    draw, header, data = random.Random(seed), {}, b""
    for name, shape in tensors(vocab).items():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        values = [1.0] * count if "norm" in name else [draw.gauss(0, 0.3) for _ in range(count)]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + 4 * count]}
        data += struct.pack(f"<{count}f", *values)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
