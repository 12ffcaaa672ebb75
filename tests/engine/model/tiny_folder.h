#pragma once

#include <nlohmann/json.hpp>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "phasewatt/engine/model/tensors.h"

/// Makes model folders for tests.
namespace phasewatt::engine::model::tests {

/// An empty folder that goes away at the end.
class TempFolder {
 public:
  TempFolder() {
    static int count = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("phasewatt-model-" + std::to_string(::getpid()) + "-" + std::to_string(count++));
    std::filesystem::create_directories(path_);
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name, std::ios::binary).write(text.data(), static_cast<std::streamsize>(text.size()));
  }

 private:
  std::filesystem::path path_;
};

/// A config.json of two layers: 4 heads of 8, 2 KV heads.
inline nlohmann::json tiny_config(const std::string& type = "llama") {
  const std::map<std::string, std::string> names{
      {"llama", "LlamaForCausalLM"}, {"qwen2", "Qwen2ForCausalLM"}, {"mistral", "MistralForCausalLM"}};
  return {{"architectures", {names.at(type)}},
          {"model_type", type},
          {"hidden_size", 32},
          {"intermediate_size", 48},
          {"num_hidden_layers", 2},
          {"num_attention_heads", 4},
          {"num_key_value_heads", 2},
          {"vocab_size", 61},
          {"max_position_embeddings", 256},
          {"rms_norm_eps", 1e-5},
          {"rope_theta", 10000.0},
          {"tie_word_embeddings", false},
          {"torch_dtype", "float32"},
          {"eos_token_id", 2}};
}

struct RawTensor {
  std::string name;
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::string bytes;
};

/// A safetensors file as the format says.
inline std::string safetensors_bytes(const std::vector<RawTensor>& tensors) {
  nlohmann::ordered_json header{{"__metadata__", {{"format", "pt"}}}};
  std::string data;
  for (const auto& one : tensors) {
    header[one.name] = {
        {"dtype", one.dtype}, {"shape", one.shape}, {"data_offsets", {data.size(), data.size() + one.bytes.size()}}};
    data += one.bytes;
  }
  const std::string text = header.dump();
  std::string out;
  for (int i = 0; i < 8; ++i) out += static_cast<char>(text.size() >> (8 * i) & 0xFF);
  return out + text + data;
}

/// Random values of a tensor, normal with the given deviation; norms are around 1.
inline RawTensor random_tensor(const TensorSpec& spec, std::mt19937& random, float deviation = 0.15F) {
  std::size_t count = 1;
  for (const auto dimension : spec.shape) count *= static_cast<std::size_t>(dimension);
  std::normal_distribution<float> normal(spec.name.find("norm") != std::string::npos ? 1.0F : 0.0F, deviation);
  std::string bytes(count * sizeof(float), '\0');
  for (std::size_t i = 0; i < count; ++i) {
    const float value = normal(random);
    std::memcpy(bytes.data() + i * sizeof(float), &value, sizeof(float));
  }
  return {spec.name, "F32", spec.shape, std::move(bytes)};
}

inline std::vector<RawTensor> random_tensors(const Config& config, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::vector<RawTensor> out;
  for (const auto& spec : needed_tensors(config)) out.push_back(random_tensor(spec, random));
  return out;
}

/// A whole model: config.json and model.safetensors.
inline Config write_model(const TempFolder& folder, const nlohmann::json& config_json, unsigned seed = 1) {
  folder.write("config.json", config_json.dump());
  const Config config = read_config(folder.path()).value();
  folder.write("model.safetensors", safetensors_bytes(random_tensors(config, seed)));
  return config;
}

}  // namespace phasewatt::engine::model::tests
