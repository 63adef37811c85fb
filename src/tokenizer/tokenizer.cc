#include "tokenizer/tokenizer.h"

#include <algorithm>
#include <exception>
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
  std::vector<AddedToken> added;      // by id
  std::vector<std::string> specials;  // names of the special ones
  std::vector<int32_t> added_of_id;   // index in added, or -1; as long as the vocabulary
  AddedTokenFinder words, all;        // what is found in any text; in trusted text
  std::string hash;
};

namespace {

constexpr int32_t kMaxId = 1 << 24;

Status check_added(const TokenModel& model, const std::vector<AddedToken>& added) {
  std::map<std::string_view, int32_t> names;
  std::map<int32_t, std::string_view> ids;
  for (size_t i = 0; i < added.size(); ++i) {
    const AddedToken& token = added[i];
    if (token.text.empty()) return error("special token ", i, " has an empty name");
    if (first_invalid_utf8(token.text) >= 0) return error("the name of special token ", i, " is not valid UTF-8");
    if (!names.emplace(token.text, token.id).second) return error("special token ", token.text, " is listed twice");
    if (token.id < 0 || token.id > kMaxId) return error("special token ", token.text, " has the id ", token.id);
    const std::string_view other = token.id < model.size() ? model.token(token.id) : std::string_view();
    // A word that merges make, too, may be the same token in both places.
    if (!ids.emplace(token.id, token.text).second || (!other.empty() && (token.special || other != token.text)))
      return error("special token ", token.text, " has the id ", token.id, " of another token");
  }
  return {};
}

// The tokenizer's hash (docs/formats/tokenizer.md).
std::string hash_of(const TokenModel& model, std::vector<AddedToken> added) {
  std::sort(added.begin(), added.end(), [](const auto& a, const auto& b) { return a.text < b.text; });
  std::string canonical = model.canonical_bytes() + "{", flags;
  for (const AddedToken& token : added) {
    canonical += join_text(canonical.back() == '{' ? "" : ",", Json(token.text).dump(), ":", token.id);
    if (!token.special || token.lstrip || token.rstrip)
      flags += join_text("\n", token.id, token.special ? "" : " word", token.lstrip ? " lstrip" : "",
                         token.rstrip ? " rstrip" : "");
  }
  return sha256_hex(canonical + "}" + flags);
}

}  // namespace

const std::vector<std::string>& chat_special_tokens() {
  static const std::vector<std::string> names = {kBos,         kUserStart, kUserEnd,     kAssistantStart, kAssistantEnd,
                                                 kPythonStart, kPythonEnd, kOutputStart, kOutputEnd};
  return names;
}

Result<Tokenizer> Tokenizer::from_model(std::shared_ptr<const TokenModel> model, std::vector<std::string> specials) {
  std::vector<AddedToken> added;
  for (std::string& name : specials) {
    const int64_t id = model->size() + static_cast<int64_t>(added.size());
    added.push_back({std::move(name), static_cast<int32_t>(id)});
  }
  return from_added(std::move(model), std::move(added));
}

Result<Tokenizer> Tokenizer::from_added(std::shared_ptr<const TokenModel> model, std::vector<AddedToken> added) {
  LATHE_TRY_STATUS(check_added(*model, added));
  auto state = std::make_shared<State>();
  state->hash = hash_of(*model, added);
  std::sort(added.begin(), added.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  const int64_t last = added.empty() ? -1 : added.back().id;
  state->added_of_id.assign(static_cast<size_t>(std::max(model->size(), last + 1)), -1);
  std::vector<AddedToken> words;
  for (size_t i = 0; i < added.size(); ++i) {
    state->added_of_id[static_cast<size_t>(added[i].id)] = static_cast<int32_t>(i);
    if (added[i].special)
      state->specials.push_back(added[i].text);
    else
      words.push_back(added[i]);
  }
  state->words = AddedTokenFinder(words);
  state->all = AddedTokenFinder(added);
  state->model = std::move(model);
  state->added = std::move(added);
  return Tokenizer(std::move(state));
}

// A text with the added tokens taken out of it: what is between them goes to the model.
static void encode_parts(const TokenModel& model, const AddedTokenFinder& finder, std::string_view text,
                         std::vector<int32_t>& ids) {
  for (size_t at = 0; at < text.size();) {
    const AddedTokenFinder::Match match = finder.find(text, at);
    const size_t part_end = std::min(match.begin, text.size());
    if (part_end > at) model.encode_part(text.substr(at, part_end - at), at == 0, ids);
    if (match.id >= 0) ids.push_back(match.id);
    at = match.end;
  }
}

Result<Tokenizer> Tokenizer::from_tokens(const std::vector<std::string>& tokens,
                                         const std::vector<std::string>& special_tokens) {
  LATHE_TRY(std::shared_ptr<const TokenModel> model, BpeModel::make(chat_split(), tokens));
  return from_model(std::move(model), special_tokens);
}

Result<Tokenizer> Tokenizer::load(const fs::path& file_or_folder) {
  LATHE_TRY(TokenizerParts parts, read_tokenizer(file_or_folder));
  auto tokenizer = from_added(std::move(parts.model), std::move(parts.added));
  if (!tokenizer.ok()) return error_at(parts.path.string(), -1, tokenizer.error().message, kTokenizerRemedy);
  if (!parts.hash.empty() && tokenizer.value().hash() != parts.hash)
    return error_at(parts.path.string(), -1, "damaged or edited: its content has the SHA-256 ",
                    tokenizer.value().hash(), ", the file says ", parts.hash, kTokenizerRemedy);
  return tokenizer;
}

Result<Tokenizer> Tokenizer::load_base(const fs::path& base) { return load(base / "tokenizer"); }

Status Tokenizer::save(const fs::path& folder) const {
  return write_tokenizer(folder, *state_->model, state_->added, state_->hash);
}

int64_t Tokenizer::vocab_size() const { return static_cast<int64_t>(state_->added_of_id.size()); }

const std::string& Tokenizer::hash() const { return state_->hash; }
const std::vector<std::string>& Tokenizer::special_tokens() const { return state_->specials; }
const std::vector<AddedToken>& Tokenizer::added_tokens() const { return state_->added; }
const std::shared_ptr<const TokenModel>& Tokenizer::shared_model() const { return state_->model; }

bool Tokenizer::is_special(int32_t id) const {
  if (id < 0 || id >= vocab_size()) return false;
  const int32_t index = state_->added_of_id[static_cast<size_t>(id)];
  return index >= 0 && state_->added[static_cast<size_t>(index)].special;
}

std::optional<int32_t> Tokenizer::find_special(std::string_view name) const {
  for (const AddedToken& token : state_->added)
    if (token.special && token.text == name) return token.id;
  return std::nullopt;
}

std::optional<int32_t> Tokenizer::find_bos() const {
  for (const char* name : {kBos, kEndOfText, "<s>"})
    if (const std::optional<int32_t> bos = find_special(name)) return bos;
  return std::nullopt;
}

int32_t Tokenizer::bos_id() const {
  const std::optional<int32_t> id = find_bos();
  require(id.has_value(), "[tokenizer] no special token ", kBos, ", ", kEndOfText, " or <s>");
  return *id;
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
  const AddedTokenFinder& finder = options.recognise_special ? state_->all : state_->words;
  const auto shards = std::min({static_cast<size_t>(options.num_threads), static_cast<size_t>(num_threads()),
                                std::max<size_t>(texts.size(), 1)});
  const std::vector<size_t> bounds = equal_shards(texts, shards);
  std::vector<std::exception_ptr> thrown(shards);  // a foreign split pattern may give up on a text
  const auto encode_shards = [&](int64_t begin, int64_t end) {
    const size_t first = bounds[static_cast<size_t>(begin)], last = bounds[static_cast<size_t>(end)];
    if (finder.empty())
      state_->model->encode(texts.subspan(first, last - first), std::span(ids).subspan(first, last - first));
    else
      for (size_t i = first; i < last; ++i) encode_parts(*state_->model, finder, texts[i], ids[i]);
  };
  parallel_for(static_cast<int64_t>(shards), 1, [&](int64_t begin, int64_t end) {
    try {
      encode_shards(begin, end);
    } catch (...) {
      thrown[static_cast<size_t>(begin)] = std::current_exception();
    }
  });
  for (const std::exception_ptr& one : thrown)
    if (one) std::rethrow_exception(one);
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
  const int32_t added = state_->added_of_id[static_cast<size_t>(id)];
  if (added >= 0) return state_->added[static_cast<size_t>(added)].text;
  return id < state_->model->size() ? state_->model->token(id) : std::string_view();
}

std::string Tokenizer::decode_bytes(std::span<const int32_t> ids) const {
  const TokenModel& model = *state_->model;
  std::string bytes;
  bool at_start = true;  // no token of the model has given text yet
  for (const int32_t id : ids) {
    std::string_view text = token_bytes_of(id);
    if (at_start && id < model.size() && state_->added_of_id[static_cast<size_t>(id)] < 0) {
      text = model.token_at_start(id);
      at_start = text.empty() && model.drops_all_first_spaces();
    }
    bytes += text;
  }
  if (model.drops_first_space() && bytes.starts_with(' ')) bytes.erase(0, 1);
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
