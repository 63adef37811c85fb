#include "tokenizer/tokenizer.h"

#include <algorithm>
#include <map>

#include "core/check.h"
#include "core/parallel.h"
#include "core/sha256.h"
#include "tokenizer/bpe_model.h"
#include "tokenizer/shards.h"
#include "tokenizer/tokenizer_file.h"

namespace lathe::tokenizer {

struct Tokenizer::State {
  std::shared_ptr<const TokenModel> model;
  std::vector<std::string> specials;
  std::string hash;
};

const std::vector<std::string>& chat_special_tokens() {
  static const std::vector<std::string> names = {kBos,         kUserStart, kUserEnd,     kAssistantStart, kAssistantEnd,
                                                 kPythonStart, kPythonEnd, kOutputStart, kOutputEnd};
  return names;
}

Result<Tokenizer> Tokenizer::from_model(std::shared_ptr<const TokenModel> model, std::vector<std::string> specials) {
  std::map<std::string, int64_t> ids;
  for (size_t i = 0; i < specials.size(); ++i) {
    if (specials[i].empty()) return error("special token ", i, " has an empty name");
    if (first_invalid_utf8(specials[i]) >= 0) return error("the name of special token ", i, " is not valid UTF-8");
    if (!ids.emplace(specials[i], model->size() + static_cast<int64_t>(i)).second)
      return error("special token ", specials[i], " is listed twice");
  }
  std::string canonical = model->canonical_bytes() + "{";
  for (const auto& [name, id] : ids)
    canonical += join_text(canonical.back() == '{' ? "" : ",", Json(name).dump(), ":", id);
  std::string hash = sha256_hex(canonical + "}");
  return Tokenizer(std::make_shared<const State>(State{std::move(model), std::move(specials), std::move(hash)}));
}

Result<Tokenizer> Tokenizer::from_tokens(const std::vector<std::string>& tokens,
                                         const std::vector<std::string>& special_tokens) {
  LATHE_TRY(std::shared_ptr<const TokenModel> model, BpeModel::make(chat_split(), tokens));
  return from_model(std::move(model), special_tokens);
}

Result<Tokenizer> Tokenizer::load(const fs::path& file_or_folder) {
  LATHE_TRY(TokenizerParts parts, read_tokenizer(file_or_folder));
  auto tokenizer = from_model(std::move(parts.model), std::move(parts.special_tokens));
  if (!tokenizer.ok()) return error_at(parts.path.string(), -1, tokenizer.error().message, kTokenizerRemedy);
  if (!parts.hash.empty() && tokenizer.value().hash() != parts.hash)
    return error_at(parts.path.string(), -1, "damaged or edited: its content has the SHA-256 ",
                    tokenizer.value().hash(), ", the file says ", parts.hash, kTokenizerRemedy);
  return tokenizer;
}

Result<Tokenizer> Tokenizer::load_base(const fs::path& base) { return load(base / "tokenizer"); }

Status Tokenizer::save(const fs::path& folder) const {
  return write_tokenizer(folder, *state_->model, state_->specials, state_->hash);
}

int64_t Tokenizer::vocab_size() const { return state_->model->size() + static_cast<int64_t>(state_->specials.size()); }

const std::string& Tokenizer::hash() const { return state_->hash; }
const std::vector<std::string>& Tokenizer::special_tokens() const { return state_->specials; }
bool Tokenizer::is_special(int32_t id) const { return id >= state_->model->size() && id < vocab_size(); }

std::optional<int32_t> Tokenizer::find_special(std::string_view name) const {
  const auto& names = state_->specials;
  const auto where = std::find(names.begin(), names.end(), name);
  if (where == names.end()) return std::nullopt;
  return static_cast<int32_t>(state_->model->size() + (where - names.begin()));
}

int32_t Tokenizer::special_id(std::string_view name) const {
  const std::optional<int32_t> id = find_special(name);
  require(id.has_value(), "[tokenizer] no special token ", name);
  return *id;
}

int32_t Tokenizer::resolve(const TokenRef& token) const {
  if (const auto* name = std::get_if<std::string>(&token)) return special_id(*name);
  const int32_t id = std::get<int32_t>(token);
  require(id >= 0 && id < vocab_size(), "[encode] no token ", id);
  return id;
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  return std::move(encode_batch(std::span(&text, 1), options)[0]);
}

std::vector<std::vector<int32_t>> Tokenizer::encode_batch(std::span<const std::string_view> texts,
                                                          const EncodeOptions& options) const {
  require(options.num_threads >= 1, "[encode] num_threads must be at least 1, got ", options.num_threads);
  std::vector<std::vector<int32_t>> ids(texts.size());
  if (options.prepend) {
    const int32_t first = resolve(*options.prepend);
    for (auto& row : ids) row.push_back(first);
  }
  const auto shards = std::min({static_cast<size_t>(options.num_threads), static_cast<size_t>(num_threads()),
                                std::max<size_t>(texts.size(), 1)});
  const std::vector<size_t> bounds = equal_shards(texts, shards);
  parallel_for(static_cast<int64_t>(shards), 1, [&](int64_t begin, int64_t end) {
    const size_t first = bounds[static_cast<size_t>(begin)], last = bounds[static_cast<size_t>(end)];
    state_->model->encode(texts.subspan(first, last - first), std::span(ids).subspan(first, last - first));
  });
  if (options.append) {
    const int32_t last = resolve(*options.append);
    for (auto& row : ids) row.push_back(last);
  }
  return ids;
}

std::vector<std::vector<int32_t>> Tokenizer::encode_batch(std::span<const std::string> texts,
                                                          const EncodeOptions& options) const {
  return encode_batch(std::vector<std::string_view>(texts.begin(), texts.end()), options);
}

std::string_view Tokenizer::token_bytes_of(int32_t id) const {
  require(id >= 0 && id < vocab_size(), "[tokenizer] no token ", id, ": the vocabulary has ", vocab_size());
  const int64_t ordinary = state_->model->size();
  return id < ordinary ? state_->model->token(id)
                       : std::string_view(state_->specials[static_cast<size_t>(id - ordinary)]);
}

std::string Tokenizer::decode_bytes(std::span<const int32_t> ids) const {
  std::string bytes;
  for (const int32_t id : ids) bytes += token_bytes_of(id);
  return bytes;
}

std::string Tokenizer::decode(std::span<const int32_t> ids) const { return repair_utf8(decode_bytes(ids)); }

std::vector<int32_t> Tokenizer::token_byte_lengths(TokenBytes mode) const {
  std::vector<int32_t> lengths(static_cast<size_t>(vocab_size()), 0);
  for (int32_t id = 0; id < state_->model->size(); ++id) {
    const std::string_view bytes = state_->model->token(id);
    lengths[static_cast<size_t>(id)] =
        static_cast<int32_t>(mode == TokenBytes::kRaw ? bytes.size() : repair_utf8(bytes).size());
  }
  return lengths;
}

}  // namespace lathe::tokenizer
