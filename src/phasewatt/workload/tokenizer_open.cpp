#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "phasewatt/base/files.h"
#include "phasewatt/base/text.h"
#include "phasewatt/workload/tokenizer.h"
#include "phasewatt/workload/tokenizer_parts.h"

namespace phasewatt::workload {
namespace {

namespace fs = std::filesystem;

bool is_file(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

/// Size first, so that a file which cannot be a tokenizer is not read into memory.
Result<std::string> read_bounded(const fs::path& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (!error && size > kMaxTokenizerFileBytes)
    return Error{ErrorCode::bad_input,
                 fmt::format("{}: longer than {} MiB", path.string(), kMaxTokenizerFileBytes >> 20U),
                 "is this a tokenizer?"};
  return read_file(path);
}

using Reader = Status (*)(std::string_view, const std::string&, TokenizerParts&);

Status read_side_file(const fs::path& path, Reader reader, TokenizerParts& parts) {
  if (!is_file(path)) return ok();
  PHASEWATT_ASSIGN(const auto text, read_bounded(path));
  return reader(text, path.string(), parts);
}

/// The files beside the main one that say more.
Status read_side_files(const fs::path& dir, TokenizerParts& parts) {
  PHASEWATT_TRY(read_side_file(dir / "tokenizer_config.json", read_tokenizer_config, parts));
  PHASEWATT_TRY(read_side_file(dir / "added_tokens.json", read_added_tokens, parts));
  return read_side_file(dir / "special_tokens.json", read_added_tokens, parts);
}

Result<TokenizerParts> read_main_file(const fs::path& path) {
  const std::string name = path.filename().string();
  if (name == "vocab.json" || name == "merges.txt") {
    const fs::path vocab = path.parent_path() / "vocab.json";
    const fs::path merges = path.parent_path() / "merges.txt";
    PHASEWATT_ASSIGN(const auto vocab_text, read_bounded(vocab));
    PHASEWATT_ASSIGN(const auto merges_text, read_bounded(merges));
    return read_vocab_merges(vocab_text, vocab.string(), merges_text, merges.string());
  }
  for (const std::string_view side : {"tokenizer_config.json", "added_tokens.json", "special_tokens.json",
                                      "special_tokens_map.json", "config.json", "generation_config.json"})
    if (name == side && is_file(path))
      return Error{ErrorCode::bad_input,
                   fmt::format("{}: not a tokenizer, but a file that stands beside one", path.string()),
                   "name the folder, or tokenizer.json, vocab.json or the file *.tiktoken in it"};
  PHASEWATT_ASSIGN(const auto text, read_bounded(path));
  if (path.extension() == ".json") return read_tokenizer_json(text, path.string());
  return read_tiktoken(text, path.string());
}

Result<fs::path> main_file_in(const fs::path& dir) {
  for (const char* name : {"tokenizer.json", "vocab.json"})
    if (is_file(dir / name)) return dir / name;
  std::vector<std::string> ranks;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(dir, error))
    if (entry.path().extension() == ".tiktoken" && is_file(entry.path()))
      ranks.push_back(entry.path().filename().string());
  if (error) return Error{ErrorCode::io, fmt::format("{}: {}", dir.string(), error.message()), {}};
  std::sort(ranks.begin(), ranks.end());
  if (ranks.size() > 1)
    return Error{ErrorCode::bad_input,
                 fmt::format("{} holds {} files *.tiktoken: {}", dir.string(), ranks.size(), join(ranks, ", ")),
                 "name the file instead of the folder"};
  if (ranks.size() == 1) return dir / ranks.front();
  if (is_file(dir / "tokenizer.model")) return dir / "tokenizer.model";
  return Error{ErrorCode::not_found, fmt::format("{} holds no tokenizer", dir.string()),
               "looked for tokenizer.json, vocab.json with merges.txt, *.tiktoken and tokenizer.model"};
}

}  // namespace

Result<Tokenizer> Tokenizer::open(const fs::path& dir_or_file) {
  std::error_code error;
  fs::path file = dir_or_file;
  if (fs::is_directory(dir_or_file, error)) {
    PHASEWATT_ASSIGN(file, main_file_in(dir_or_file));
  }
  PHASEWATT_ASSIGN(auto parts, read_main_file(file));
  PHASEWATT_TRY(read_side_files(file.parent_path(), parts));
  return build(parts, file.string());
}

}  // namespace phasewatt::workload
