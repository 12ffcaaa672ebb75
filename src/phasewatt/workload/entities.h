#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "phasewatt/base/records.h"
#include "phasewatt/base/result.h"

/// Named entities of English text: persons, organisations and places, found by a linear-chain conditional random field
/// (Lafferty et al. 2001) over hashed features. Definition, training, scores and limits: docs/entities.md.
namespace phasewatt::workload {

class EntityModel;

/// A model, ready to use. Immutable and thread-safe; copies share the model. Threads tag through workers of their own.
class EntityTagger {
 public:
  /// From the bytes of a model file. bad_input when it is damaged, foreign or of another version; `name` is what the
  /// message calls it.
  static Result<EntityTagger> open_bytes(std::string_view bytes, std::string_view name = "entity model");

  /// From a model file. not_found, io or bad_input.
  static Result<EntityTagger> open(const std::filesystem::path& path);

  /// The model compiled into the program; read once, at the first call.
  static const EntityTagger& shipped();

  [[nodiscard]] const EntityModel& model() const { return *model_; }

 private:
  friend class EntityWorker;
  explicit EntityTagger(std::shared_ptr<const EntityModel> model) : model_(std::move(model)) {}

  std::shared_ptr<const EntityModel> model_;
};

/// Tags texts with a tagger, one text at a time; one worker per thread. Its memory is bounded: a cache of the words it
/// saw (fixed size) and scratch for one sentence (at most kMaxSentenceTokens). What it finds depends on the text alone,
/// not on what it tagged before (words count as equal when their 64-bit hashes are).
class EntityWorker {
 public:
  explicit EntityWorker(EntityTagger tagger);
  EntityWorker(EntityWorker&&) noexcept;
  EntityWorker& operator=(EntityWorker&&) noexcept;
  ~EntityWorker();

  /// The mentions of a text in order, never overlapping; spans are bytes. `out` is overwritten. Any bytes are safe;
  /// what is not UTF-8 is taken as a letter. Bytes beyond 4 GiB are not looked at.
  void tag(std::string_view text, std::vector<EntitySpan>& out);

  /// The mentions of one sentence whose tokens are given (as corpora do); spans count tokens. `out` is overwritten.
  /// A sentence longer than kMaxSentenceTokens is tagged in parts.
  void tag_tokens(std::span<const std::string_view> tokens, std::vector<EntitySpan>& out);

 private:
  struct Scratch;
  std::unique_ptr<Scratch> scratch_;
};

}  // namespace phasewatt::workload
