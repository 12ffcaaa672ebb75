#!/usr/bin/env python3
"""Tiny models of every variant that the embedded engine supports, with what Hugging Face transformers computes for them.

Writes DIR/<variant>/ with config.json, generation_config.json, model.safetensors and reference.json: for some prompts the
logits of all positions, the greedy continuation, and the log-likelihood of some options. FP32, eager attention, on the CPU.

  pip install torch transformers safetensors
  python3 tools/make_model_references.py tests/engine/embedded/data
"""
import argparse
import json
import pathlib

import torch
import transformers

COMMON = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
              vocab_size=61, max_position_embeddings=256, rms_norm_eps=1e-5, bos_token_id=1, eos_token_id=2, pad_token_id=0)
# An original context of 32 puts the frequencies of a head of 16 into all three ranges of the scaling.
LLAMA3 = dict(rope_type="llama3", rope_theta=10000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=32)
VARIANTS = {
    "llama": ("Llama", dict(tie_word_embeddings=False), torch.float32),
    "llama_mha_bf16": ("Llama", dict(tie_word_embeddings=False, num_key_value_heads=4), torch.bfloat16),
    "llama3_tied_bf16": ("Llama", dict(tie_word_embeddings=True, head_dim=16, rope=LLAMA3), torch.bfloat16),
    "llama3_f16": ("Llama", dict(tie_word_embeddings=False, head_dim=16, rope=LLAMA3), torch.float16),
    "qwen2_bf16": ("Qwen2", dict(tie_word_embeddings=False), torch.bfloat16),
    "qwen2_tied_f16": ("Qwen2", dict(tie_word_embeddings=True), torch.float16),
    "mistral_bf16": ("Mistral", dict(tie_word_embeddings=False, sliding_window=None), torch.bfloat16),
    "mistral_window_bf16": ("Mistral", dict(tie_word_embeddings=False, sliding_window=8), torch.bfloat16),
}
V5 = int(transformers.__version__.split(".")[0]) >= 5
PROMPT_LENGTHS = (1, 5, 40)
NEW_TOKENS = 12
OPTION_LENGTHS = (1, 3, 6)


def make_config(family: str, fields: dict):
    fields = {**COMMON, **fields}
    rope = fields.pop("rope", None)
    if rope is not None:
        if V5:
            fields["rope_parameters"] = rope
        else:
            fields["rope_theta"] = rope["rope_theta"]
            fields["rope_scaling"] = {key: value for key, value in rope.items() if key != "rope_theta"}
    return getattr(transformers, f"{family}Config")(**fields, attn_implementation="eager")


def make_model(family: str, fields: dict, dtype: torch.dtype, seed: int):
    torch.manual_seed(seed)
    model = getattr(transformers, f"{family}ForCausalLM")(make_config(family, fields)).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.normal_(1.0 if "norm" in name else 0.0, 0.15)
    return model.to(dtype)


@torch.no_grad()
def reference(model, seed: int) -> list[dict]:
    random = torch.Generator().manual_seed(seed)
    out = []
    for length in PROMPT_LENGTHS:
        prompt = torch.randint(3, COMMON["vocab_size"], (1, length), generator=random)
        logits = model(prompt).logits[0]
        greedy = prompt
        for _ in range(NEW_TOKENS):  # recomputed from the start: no cache that could be wrong
            greedy = torch.cat([greedy, model(greedy).logits[:, -1:].argmax(-1)], dim=1)
        options = [torch.randint(3, COMMON["vocab_size"], (1, n), generator=random) for n in OPTION_LENGTHS]
        scores = []
        for option in options:
            logprobs = model(torch.cat([prompt, option], dim=1)).logits[0].double().log_softmax(-1)
            scores.append(sum(logprobs[length - 1 + i, token].item() for i, token in enumerate(option[0].tolist())))
        out.append({"prompt": prompt[0].tolist(), "logits": [[float(f"{x:.9g}") for x in row] for row in logits.tolist()],
                    "greedy": greedy[0, length:].tolist(), "options": [option[0].tolist() for option in options],
                    "option_logprobs": scores})
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    folder = parser.parse_args().folder
    torch.set_num_threads(1)
    for seed, (name, (family, fields, dtype)) in enumerate(VARIANTS.items(), 1):
        model = make_model(family, fields, dtype, seed)
        model.save_pretrained(folder / name)
        # Read back instead of converted: a conversion would also round the frequencies of RoPE.
        dtype_key = "dtype" if V5 else "torch_dtype"
        model = type(model).from_pretrained(folder / name, attn_implementation="eager", **{dtype_key: torch.float32}).eval()
        content = {"transformers": transformers.__version__, "torch": torch.__version__,
                   "cases": reference(model, seed)}
        (folder / name / "reference.json").write_text(json.dumps(content, separators=(",", ":")) + "\n")
        print(f"{name}: {sum(p.numel() for p in model.parameters())} parameters, {dtype}")


if __name__ == "__main__":
    main()
