#include "tokenizer/bpe_encode.h"

#include <bit>

#include "core/check.h"

namespace lathe::tokenizer {
namespace {

// The id that each merge leads to.
std::vector<int32_t> results_of(const BpeVocabulary& vocabulary, const BytesMap& tokens,
                                const std::vector<int32_t>& id_of_index) {
  std::vector<int32_t> ids;
  for (const auto& [left, right] : vocabulary.merges) {
    const int64_t index =
        tokens.find(vocabulary.tokens.at(static_cast<size_t>(left)) + vocabulary.tokens.at(static_cast<size_t>(right)));
    require(index >= 0, "[bpe_encoder] merge ", ids.size(), " gives bytes that are no token");
    ids.push_back(id_of_index[static_cast<size_t>(index)]);
  }
  return ids;
}

}  // namespace

BpeEncoder::BpeEncoder(const BpeVocabulary& vocabulary) : whole_pieces_(vocabulary.whole_pieces) {
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const std::string& token = vocabulary.tokens[id];
    index_of_id_.push_back(token.empty() ? -1 : static_cast<int32_t>(tokens_.size()));
    if (token.empty()) continue;
    const int64_t index = tokens_.insert(token);
    require(index == static_cast<int64_t>(id_of_index_.size()), "[bpe_encoder] token ", id, " is repeated");
    id_of_index_.push_back(static_cast<int32_t>(id));
  }
  token_bits_.resize(std::bit_ceil(id_of_index_.size() / 8 + 1));
  for (int64_t index = 0; index < tokens_.size(); ++index) {
    const uint64_t hash = hash_bytes(tokens_.at(index)) & (token_bits_.size() * 64 - 1);
    token_bits_[hash / 64] |= uint64_t{1} << hash % 64;
  }
  for (size_t byte = 0; byte < 256; ++byte) {
    const char text = static_cast<char>(byte);
    byte_ids_[byte] = find({&text, 1});
    require(byte_ids_[byte] >= 0, "[bpe_encoder] no token for byte ", byte);
  }
  std::vector<PairRanks::Pair> pairs;
  if (vocabulary.merges.empty()) {
    for (size_t id = 0; id < vocabulary.tokens.size(); ++id)
      add_every_split(vocabulary.tokens[id], static_cast<int32_t>(id), pairs);
    merger_ = BpeMerger(std::move(pairs));
    merger_ = BpeMerger(possible_merges(vocabulary));
    return;
  }
  for (const auto& [left, right] : vocabulary.merges)
    pairs.push_back({left, right, static_cast<int32_t>(pairs.size())});
  merger_ = BpeMerger(std::move(pairs), results_of(vocabulary, tokens_, id_of_index_));
}

void BpeEncoder::add_every_split(std::string_view token, int32_t id, std::vector<PairRanks::Pair>& pairs) const {
  for (size_t cut = 1; cut < token.size(); ++cut) {
    const int32_t left = find(token.substr(0, cut));
    if (left < 0) continue;
    const int32_t right = find(token.substr(cut));
    if (right >= 0) pairs.push_back({left, right, id});
  }
}

// Of all ways to cut a token in two, merging by rank comes to one at most, whatever stands around the token: while its
// two last parts are being made no merge reaches out of them, so they are made as from the token's bytes alone. The
// other pairs are never joined, and without them the table is a fraction as large.
std::vector<PairRanks::Pair> BpeEncoder::possible_merges(const BpeVocabulary& vocabulary) const {
  std::vector<PairRanks::Pair> pairs;
  std::vector<int32_t> symbols;
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    symbols.clear();
    for (const char byte : vocabulary.tokens[id]) symbols.push_back(byte_id(byte));
    if (const auto [left, right] = merger_.last_merge(symbols); left >= 0)
      pairs.push_back({left, right, static_cast<int32_t>(id)});
  }
  return pairs;
}

int32_t BpeEncoder::whole_token(std::string_view piece) const {
  if (piece.size() == 1) return byte_id(piece[0]);
  if (!whole_pieces_) return -1;
  const uint64_t hash = hash_bytes(piece) & (token_bits_.size() * 64 - 1);
  return (token_bits_[hash / 64] >> hash % 64 & 1) != 0 ? find(piece) : -1;
}

int64_t BpeEncoder::encode_piece(std::string_view piece, std::vector<int32_t>& ids) const {
  if (piece.empty()) return 0;
  if (const int32_t id = whole_token(piece); id >= 0) {
    ids.push_back(id);
    return 1;
  }
  constexpr size_t kOnStack = 64;
  std::array<int32_t, kOnStack> few;
  std::vector<int32_t> many(piece.size() > kOnStack ? piece.size() : 0);
  const std::span<int32_t> symbols = many.empty() ? std::span(few).first(piece.size()) : std::span<int32_t>(many);
  for (size_t i = 0; i < piece.size(); ++i) symbols[i] = byte_id(piece[i]);
  return merger_.merge(symbols, ids);
}

}  // namespace lathe::tokenizer
