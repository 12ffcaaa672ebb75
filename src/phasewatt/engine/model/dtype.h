#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace phasewatt::engine::model {

/// Element types of tensor files. The runtime computes with f32, f16 and bf16; the others can be in a file.
enum class Dtype : std::uint8_t {
  boolean,
  u8,
  i8,
  f8_e5m2,
  f8_e4m3,
  i16,
  u16,
  f16,
  bf16,
  i32,
  u32,
  f32,
  f64,
  i64,
  u64,
};

/// As safetensors files write it: "BF16".
std::string_view to_string(Dtype dtype);
std::optional<Dtype> parse_dtype(std::string_view name);
/// As config.json writes it: "bfloat16", "torch.float32"; of the types that a model is computed with only.
std::optional<Dtype> parse_torch_dtype(std::string_view name);
/// Bytes of one element.
std::uint64_t size_of(Dtype dtype);
/// A model can be computed with it: f32, f16, bf16.
bool can_hold_weights(Dtype dtype);

}  // namespace phasewatt::engine::model
