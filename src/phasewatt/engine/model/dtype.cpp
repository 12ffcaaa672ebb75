#include "phasewatt/engine/model/dtype.h"

#include <algorithm>
#include <array>

namespace phasewatt::engine::model {
namespace {

struct Row {
  Dtype dtype;
  std::string_view name;
  std::string_view torch_name;  ///< empty: no model is computed with it
  std::uint64_t bytes;
};

constexpr std::array kRows{
    Row{Dtype::boolean, "BOOL", "", 1},
    Row{Dtype::u8, "U8", "", 1},
    Row{Dtype::i8, "I8", "", 1},
    Row{Dtype::f8_e5m2, "F8_E5M2", "", 1},
    Row{Dtype::f8_e4m3, "F8_E4M3", "", 1},
    Row{Dtype::i16, "I16", "", 2},
    Row{Dtype::u16, "U16", "", 2},
    Row{Dtype::f16, "F16", "float16", 2},
    Row{Dtype::bf16, "BF16", "bfloat16", 2},
    Row{Dtype::i32, "I32", "", 4},
    Row{Dtype::u32, "U32", "", 4},
    Row{Dtype::f32, "F32", "float32", 4},
    Row{Dtype::f64, "F64", "", 8},
    Row{Dtype::i64, "I64", "", 8},
    Row{Dtype::u64, "U64", "", 8},
};

const Row& row(Dtype dtype) {
  return *std::find_if(kRows.begin(), kRows.end(), [&](const Row& one) { return one.dtype == dtype; });
}

}  // namespace

std::string_view to_string(Dtype dtype) { return row(dtype).name; }

std::optional<Dtype> parse_dtype(std::string_view name) {
  for (const Row& one : kRows)
    if (one.name == name) return one.dtype;
  return std::nullopt;
}

std::optional<Dtype> parse_torch_dtype(std::string_view name) {
  constexpr std::string_view kPrefix = "torch.";
  if (name.starts_with(kPrefix)) name.remove_prefix(kPrefix.size());
  for (const Row& one : kRows)
    if (!one.torch_name.empty() && one.torch_name == name) return one.dtype;
  return std::nullopt;
}

std::uint64_t size_of(Dtype dtype) { return row(dtype).bytes; }

bool can_hold_weights(Dtype dtype) { return !row(dtype).torch_name.empty(); }

}  // namespace phasewatt::engine::model
