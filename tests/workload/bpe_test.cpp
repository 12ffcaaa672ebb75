// Merging, against the definition written out: join the neighbours of lowest rank, the leftmost first, until none are.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

#include "phasewatt/workload/bpe_merge.h"
#include "phasewatt/workload/tokenizer.h"
#include "phasewatt/workload/tokenizer_tables.h"
#include "tests/workload/tiny_vocabulary.h"

namespace phasewatt::workload {
namespace {

using Ids = std::vector<std::uint32_t>;
using Ranks = std::map<std::pair<std::string, std::string>, std::size_t>;

/// Quadratic, and plainly so.
Ids reference(const TinyVocabulary& vocabulary, const Ranks& ranks, const std::string& piece) {
  std::vector<std::string> parts;
  for (const char c : piece) parts.emplace_back(1, c);
  while (true) {
    std::size_t best = parts.size();
    std::size_t best_rank = ~std::size_t{0};
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
      const auto found = ranks.find({parts[i], parts[i + 1]});
      if (found == ranks.end() || found->second >= best_rank) continue;
      best = i;
      best_rank = found->second;
    }
    if (best == parts.size()) break;
    parts[best] += parts[best + 1];
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
  Ids ids;
  for (const auto& part : parts)
    ids.push_back(static_cast<std::uint32_t>(std::find(vocabulary.tokens.begin(), vocabulary.tokens.end(), part) -
                                             vocabulary.tokens.begin()));
  return ids;
}

Ranks ranks_of_merges(const TinyVocabulary& vocabulary) {
  Ranks ranks;
  for (std::size_t rank = 0; rank < vocabulary.merges.size(); ++rank) ranks.emplace(vocabulary.merges[rank], rank);
  return ranks;
}

/// tiktoken: any two neighbours that make a token, by its id.
Ranks ranks_of_tokens(const TinyVocabulary& vocabulary) {
  Ranks ranks;
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id)
    for (std::size_t cut = 1; cut < vocabulary.tokens[id].size(); ++cut)
      ranks.emplace(std::pair{vocabulary.tokens[id].substr(0, cut), vocabulary.tokens[id].substr(cut)}, id);
  return ranks;
}

Tokenizer from_merges(const TinyVocabulary& vocabulary) {
  auto parts = read_vocab_merges(vocab_json(vocabulary).dump(), "vocab.json", merges_txt(vocabulary), "merges.txt");
  EXPECT_TRUE(parts) << to_string(parts.error());
  parts->presplit = Presplit::llama3;
  auto tokenizer = Tokenizer::build(*parts, "tiny");
  EXPECT_TRUE(tokenizer) << to_string(tokenizer.error());
  return *tokenizer;
}

Tokenizer from_ranks(const TinyVocabulary& vocabulary) {
  auto parts = read_tiktoken(tiktoken(vocabulary), "tiny.tiktoken");
  EXPECT_TRUE(parts) << to_string(parts.error());
  parts->presplit = Presplit::llama3;
  auto tokenizer = Tokenizer::build(*parts, "tiny");
  EXPECT_TRUE(tokenizer) << to_string(tokenizer.error());
  return *tokenizer;
}

/// A piece of letters up to 300 long: short ones are scanned, long ones go through the heap.
std::string random_piece() {
  const auto length = *rc::gen::inRange<std::size_t>(1, 300);
  return *rc::gen::container<std::string>(length, rc::gen::element('a', 'b', 'c', 'd'));
}

RC_GTEST_PROP(Bpe, MergesLikeTheDefinition, ()) {
  const auto vocabulary = TinyVocabulary::random(*rc::gen::arbitrary<unsigned>(), 60, "abcd");
  const auto tokenizer = from_merges(vocabulary);
  TokenEncoder encoder(tokenizer);
  const Ranks ranks = ranks_of_merges(vocabulary);
  for (int i = 0; i < 5; ++i) {
    const std::string piece = random_piece();
    Ids ids;
    encoder.encode(piece, ids);
    RC_ASSERT(ids == reference(vocabulary, ranks, piece));
  }
}

RC_GTEST_PROP(Bpe, RanksMergeLikeTheDefinition, ()) {
  const auto vocabulary = TinyVocabulary::random(*rc::gen::arbitrary<unsigned>(), 60, "abcd");
  const auto tokenizer = from_ranks(vocabulary);
  TokenEncoder encoder(tokenizer);
  const Ranks ranks = ranks_of_tokens(vocabulary);
  for (int i = 0; i < 5; ++i) {
    const std::string piece = random_piece();
    const auto whole = std::find(vocabulary.tokens.begin(), vocabulary.tokens.end(), piece);
    const Ids expected = whole == vocabulary.tokens.end()
                             ? reference(vocabulary, ranks, piece)
                             : Ids{static_cast<std::uint32_t>(whole - vocabulary.tokens.begin())};
    Ids ids;
    encoder.encode(piece, ids);
    RC_ASSERT(ids == expected);
  }
}

TEST(Bpe, APieceThatIsATokenIsTakenWholeWhereTheModelSaysSo) {
  // "abc" is a token, but its only merge is never reached: a+b goes first, and ab+c does not merge.
  TinyVocabulary vocabulary;
  vocabulary.add("a", "b");
  vocabulary.add("b", "c");
  vocabulary.add("a", "bc");
  auto json = tokenizer_json(vocabulary);
  for (const bool whole : {true, false}) {
    json["model"]["ignore_merges"] = whole;
    const auto parts = read_tokenizer_json(json.dump(), "tokenizer.json");
    ASSERT_TRUE(parts);
    const auto tokenizer = Tokenizer::build(*parts, "tiny");
    ASSERT_TRUE(tokenizer);
    Ids ids;
    tokenizer->encode("abc", ids);
    EXPECT_EQ(ids, whole ? Ids({258}) : Ids({256, 'c'}));
  }
}

TEST(Bpe, ALongPieceIsNotQuadratic) {
  TinyVocabulary vocabulary;
  vocabulary.add("a", "a");
  vocabulary.add("aa", "aa");
  const auto tokenizer = from_merges(vocabulary);
  // A quadratic merge of a million bytes would take minutes.
  const std::string piece(1'000'003, 'a');
  Ids ids;
  tokenizer.encode(piece, ids);
  ASSERT_EQ(ids.size(), 250'002U);
  EXPECT_EQ(ids[249'999], 257U);
  EXPECT_EQ(ids[250'000], 256U);
  EXPECT_EQ(ids.back(), std::uint32_t{'a'});
  EXPECT_EQ(tokenizer.count(piece), ids.size());
}

TEST(Bpe, TheCacheOfPiecesChangesNothing) {
  // More different pieces than the cache has room for, each twice, of all lengths that are kept and some that are not.
  const auto vocabulary = TinyVocabulary::random(7, 80, "abcd");
  const auto tokenizer = from_merges(vocabulary);
  TokenEncoder encoder(tokenizer);
  std::mt19937 generator(3);
  std::vector<std::string> pieces;
  for (int i = 0; i < 40'000; ++i) {
    std::string piece;
    for (std::size_t length = 1 + generator() % 18; piece.size() < length;) piece += "abcd"[generator() % 4];
    pieces.push_back(piece);
  }
  BpeMerger merger([&]() -> const BpeModel& {
    static BpeModel model;
    model.tokens = TokenTable(vocabulary.tokens.size());
    for (const auto& token : vocabulary.tokens) EXPECT_TRUE(model.tokens.add(token));
    model.merges = MergeTable(vocabulary.merges.size());
    for (std::uint32_t rank = 0; rank < vocabulary.merges.size(); ++rank) {
      const auto& [left, right] = vocabulary.merges[rank];
      EXPECT_TRUE(model.merges.add(*model.tokens.find(left), *model.tokens.find(right),
                                   {rank, *model.tokens.find(left + right)}));
    }
    EXPECT_EQ(model.index_bytes(), std::nullopt);
    return model;
  }());
  for (int round = 0; round < 2; ++round) {
    for (const auto& piece : pieces) {
      Ids ids;
      encoder.encode(piece, ids);
      const auto merged = merger.merge(piece);
      ASSERT_EQ(ids, Ids(merged.begin(), merged.end())) << piece;
    }
  }
}

}  // namespace
}  // namespace phasewatt::workload
