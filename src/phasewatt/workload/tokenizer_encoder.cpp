#include <array>

#include "phasewatt/workload/bpe_cache.h"
#include "phasewatt/workload/bpe_merge.h"
#include "phasewatt/workload/pretokenize.h"
#include "phasewatt/workload/tokenizer.h"
#include "phasewatt/workload/tokenizer_nfc.h"
#include "phasewatt/workload/tokenizer_tables.h"

namespace phasewatt::workload {
namespace {

/// Appends ids to a vector block by block: a check and a copy for each block instead of for each id.
class IdSink {
 public:
  explicit IdSink(std::vector<TokenId>& out) : out_(out) {}
  IdSink(const IdSink&) = delete;
  IdSink& operator=(const IdSink&) = delete;
  ~IdSink() { flush(); }

  void add(const PieceCache::Entry& entry) {
    if (used_ + PieceCache::kTokens > block_.size()) flush();
    for (std::size_t i = 0; i < PieceCache::kTokens; ++i) block_[used_ + i] = entry.ids[i];
    used_ += entry.count;
  }
  void add(std::span<const TokenId> ids) {
    flush();
    out_.insert(out_.end(), ids.begin(), ids.end());
  }
  void add(TokenId id) { add(std::span(&id, 1)); }

 private:
  void flush() {
    out_.insert(out_.end(), block_.begin(), block_.begin() + static_cast<std::ptrdiff_t>(used_));
    used_ = 0;
  }

  std::vector<TokenId>& out_;
  std::size_t used_ = 0;
  std::array<TokenId, 1024> block_;
};

class CountSink {
 public:
  void add(const PieceCache::Entry& entry) { count_ += entry.count; }
  void add(std::span<const TokenId> ids) { count_ += ids.size(); }
  void add(TokenId /*id*/) { ++count_; }
  [[nodiscard]] std::size_t count() const { return count_; }

 private:
  std::size_t count_ = 0;
};

}  // namespace

struct TokenEncoder::State {
  explicit State(std::shared_ptr<const TokenizerTables> shared) : tables(std::move(shared)), merger(tables->model) {}

  template <class Split, class Sink>
  void encode_pieces(std::string_view text, Sink& sink) {
    const Split split;
    const char* p = text.data();
    const char* const end = p + text.size();
    while (p < end) {
      const char* const next = split(p, end);
      const auto bytes = static_cast<std::size_t>(next - p);
      if (bytes > PieceCache::kPieceBytes) {
        sink.add(merger.merge({p, bytes}));
      } else {
        const PieceCache::Key key = PieceCache::key(p, bytes, end);
        PieceCache::Entry& entry = cache.at(key);
        if (PieceCache::holds(entry, key)) {
          sink.add(entry);
        } else {
          const auto ids = merger.merge({p, bytes});
          sink.add(ids);
          PieceCache::put(entry, key, ids);
        }
      }
      p = next;
    }
  }

  template <class Sink>
  void encode_ordinary(std::string_view text, Sink& sink) {
    if (tables->nfc) text = to_nfc(text, normalised);
    switch (tables->presplit) {
      case Presplit::gpt2: return encode_pieces<Gpt2Split>(text, sink);
      case Presplit::llama3: return encode_pieces<Cl100kSplit<3>>(text, sink);
      case Presplit::qwen2: return encode_pieces<Cl100kSplit<1>>(text, sink);
    }
  }

  template <class Sink>
  void encode(std::string_view text, EncodeOptions options, Sink& sink) {
    if (options.bos && tables->bos) sink.add(*tables->bos);
    while (options.special_tokens) {
      const auto found = tables->added.find_in(text);
      if (found.at == std::string_view::npos) break;
      encode_ordinary(text.substr(0, found.at), sink);
      sink.add(found.id);
      text.remove_prefix(found.at + found.bytes);
    }
    encode_ordinary(text, sink);
  }

  std::shared_ptr<const TokenizerTables> tables;
  BpeMerger merger;
  PieceCache cache;
  std::string normalised;
};

TokenEncoder::TokenEncoder(const Tokenizer& tokenizer) : state_(std::make_unique<State>(tokenizer.tables_)) {}
TokenEncoder::TokenEncoder(TokenEncoder&& other) noexcept = default;
TokenEncoder& TokenEncoder::operator=(TokenEncoder&& other) noexcept = default;
TokenEncoder::~TokenEncoder() = default;

void TokenEncoder::encode(std::string_view text, std::vector<std::uint32_t>& out, EncodeOptions options) {
  IdSink sink(out);
  state_->encode(text, options, sink);
}

std::size_t TokenEncoder::count(std::string_view text, EncodeOptions options) {
  CountSink sink;
  state_->encode(text, options, sink);
  return sink.count();
}

void Tokenizer::encode(std::string_view text, std::vector<std::uint32_t>& out, EncodeOptions options) const {
  TokenEncoder(*this).encode(text, out, options);
}

std::size_t Tokenizer::count(std::string_view text, EncodeOptions options) const {
  return TokenEncoder(*this).count(text, options);
}

}  // namespace phasewatt::workload
