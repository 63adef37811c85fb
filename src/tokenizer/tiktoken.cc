#include "tokenizer/tiktoken.h"

#include <algorithm>
#include <charconv>

#include "core/json.h"
#include "core/sha256.h"
#include "tokenizer/base64.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/zstd_file.h"

namespace lathe::tokenizer {
namespace {

// Building an encoder looks at every cut of every token: bounds what a hostile file costs.
constexpr uint64_t kMostCutBytes = uint64_t{1} << 32;
constexpr size_t kMostRankBytes = size_t{256} << 20;

Status check_lengths(const std::vector<std::string>& tokens, const std::string& path) {
  uint64_t work = 0;
  for (const std::string& token : tokens) work += uint64_t{token.size()} * token.size();
  if (work > kMostCutBytes) return error_at(path, -1, "the tokens are too long: their squared lengths sum to ", work);
  return {};
}

}  // namespace

const std::vector<TiktokenEncoding>& tiktoken_encodings() {
  static const std::vector<TiktokenEncoding> encodings = {
      {"gpt2", "gpt2", "", {{kEndOfText, 50256}}},
      {"r50k_base", "gpt2", "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930", {{kEndOfText, 50256}}},
      {"p50k_base", "gpt2", "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069", {{kEndOfText, 50256}}},
      {"p50k_edit",
       "gpt2",
       "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069",
       {{kEndOfText, 50256}, {"<|fim_prefix|>", 50281}, {"<|fim_middle|>", 50282}, {"<|fim_suffix|>", 50283}}},
      {"cl100k_base",
       "cl100k",
       "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
       {{kEndOfText, 100257},
        {"<|fim_prefix|>", 100258},
        {"<|fim_middle|>", 100259},
        {"<|fim_suffix|>", 100260},
        {"<|endofprompt|>", 100276}}},
      {"o200k_base",
       "o200k",
       "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
       {{kEndOfText, 199999}, {"<|endofprompt|>", 200018}}},
  };
  return encodings;
}

const TiktokenEncoding* find_tiktoken_encoding(std::string_view name) {
  for (const TiktokenEncoding& encoding : tiktoken_encodings())
    if (encoding.name == name) return &encoding;
  return nullptr;
}

Result<std::vector<std::string>> parse_ranks(std::string_view text, const std::string& path,
                                             const std::vector<AddedToken>& gaps) {
  std::vector<std::string> tokens;
  for (size_t begin = 0; begin < text.size();) {
    const size_t newline = std::min(text.find('\n', begin), text.size());
    std::string_view line = text.substr(begin, newline - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    const size_t space = line.find(' ');
    if (!line.empty()) {
      const auto wrong = [&](std::string_view what) { return error_at(path, static_cast<int64_t>(begin), what); };
      if (space == std::string_view::npos) return wrong("expected a base64 token, a space and its rank");
      std::optional<std::string> token = from_base64(line.substr(0, space));
      if (!token) return wrong("the token is not base64");
      if (token->empty()) return wrong("the token is empty");
      const auto is_gap = [&](size_t id) {
        return std::any_of(gaps.begin(), gaps.end(), [&](const AddedToken& gap) { return size_t(gap.id) == id; });
      };
      size_t rank = 0;
      const auto [end, code] = std::from_chars(line.data() + space + 1, line.data() + line.size(), rank);
      const size_t expected = tokens.size();
      if (code == std::errc{} && rank > expected && rank - expected <= gaps.size())
        while (tokens.size() < rank && is_gap(tokens.size())) tokens.emplace_back();
      if (code != std::errc{} || end != line.data() + line.size() || rank != tokens.size())
        return wrong(join_text("expected rank ", expected));
      tokens.push_back(std::move(*token));
    }
    begin = newline + 1;
  }
  LATHE_TRY_STATUS(check_lengths(tokens, path));
  return tokens;
}

Result<Tokenizer> tiktoken_from_ranks(const TiktokenEncoding& encoding, std::string_view text,
                                      const std::string& path) {
  LATHE_TRY(std::vector<std::string> tokens, parse_ranks(text, path, encoding.special_tokens));
  auto model = BpeModel::make(*find_split_name(encoding.split), BpeVocabulary{std::move(tokens)});
  if (!model.ok()) return error_at(path, -1, model.error().message);
  auto tokenizer = Tokenizer::from_added(std::move(model).value(), encoding.special_tokens);
  if (!tokenizer.ok()) return error_at(path, -1, tokenizer.error().message);
  return tokenizer;
}

Result<Tokenizer> load_tiktoken(const TiktokenEncoding& encoding, const fs::path& path) {
  LATHE_TRY(const std::string text, read_unpacked(path, kMostRankBytes));
  const std::string hash = sha256_hex(text);
  if (!encoding.sha256.empty() && hash != encoding.sha256)
    return error_at(path.string(), -1, "not the published rank file of ", encoding.name, ": its SHA-256 is ", hash,
                    ", expected ", encoding.sha256, "; give a vocabulary of your own another name");
  return tiktoken_from_ranks(encoding, text, path.string());
}

// NAME of NAME.tiktoken and NAME.tiktoken.zst.
static std::string rank_file_name(const fs::path& path) {
  return (path.extension() == ".zst" ? path.stem() : path.filename()).stem().string();
}

bool is_rank_file(const fs::path& path) {
  return (path.extension() == ".zst" ? path.stem() : path.filename()).extension() == ".tiktoken";
}

Result<Tokenizer> load_ranks(const fs::path& path, const SplitPattern* split) {
  if (!split)
    if (const TiktokenEncoding* encoding = find_tiktoken_encoding(rank_file_name(path)))
      return load_tiktoken(*encoding, path);
  LATHE_TRY(const std::string text, read_unpacked(path, kMostRankBytes));
  LATHE_TRY(std::vector<std::string> tokens, parse_ranks(text, path.string()));
  auto model = BpeModel::make(split ? *split : chat_split(), BpeVocabulary{std::move(tokens)});
  if (!model.ok()) return error_at(path.string(), -1, model.error().message);
  return Tokenizer::from_model(std::move(model).value(),
                               split ? std::vector<std::string>() : chat_special_tokens());
}

Result<std::vector<std::string>> read_gpt2_tokens(const fs::path& vocabulary, const fs::path& merges) {
  LATHE_TRY(const Json ids, read_json(vocabulary));
  LATHE_TRY(const std::string text, read_file(merges));
  const std::string name = merges.string();
  std::vector<std::string> tokens;
  for (int i = 0; i < 256; ++i) tokens.emplace_back(1, gpt2_byte(i));
  int64_t line_number = 0;
  for (const std::string& row : split_text(text, '\n')) {
    ++line_number;
    std::string_view line = row;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || (line_number == 1 && line.starts_with("#version"))) continue;
    const size_t space = line.find(' ');
    const auto wrong = [&](std::string_view what) { return error_at(name, -1, "line ", line_number, ": ", what); };
    if (space == std::string_view::npos) return wrong("expected two symbols");
    const auto left = from_byte_level(line.substr(0, space)), right = from_byte_level(line.substr(space + 1));
    if (!left || !right || left->empty() || right->empty()) return wrong("a symbol holds a letter of no byte");
    tokens.push_back(*left + *right);
  }
  LATHE_TRY_STATUS(check_lengths(tokens, name));
  if (!ids.is_object()) return error_at(vocabulary.string(), -1, "expected an object of tokens and ids");
  size_t seen = 0;
  bool ends = false;
  for (const auto& [key, id] : ids.as_object()) {
    if (key == kEndOfText) {
      ends = id.is_int() && static_cast<size_t>(id.as_int()) == tokens.size();
      continue;
    }
    const auto token = from_byte_level(key);
    if (!token || !id.is_int() || id.as_int() < 0 || static_cast<size_t>(id.as_int()) >= tokens.size() ||
        tokens[static_cast<size_t>(id.as_int())] != *token)
      return error_at(vocabulary.string(), -1, "token ", key, " has another id than its merge in ", name);
    ++seen;
  }
  if (!ends) return error_at(vocabulary.string(), -1, "not GPT-2's: ", kEndOfText, " must have the id ", tokens.size());
  if (seen != tokens.size())
    return error_at(vocabulary.string(), -1, "has ", seen, " tokens, the merges of ", name, " make ", tokens.size());
  return tokens;
}

Result<std::string> to_tiktoken_ranks(const Tokenizer& tokenizer) {
  const auto* model = dynamic_cast<const BpeModel*>(&tokenizer.model());
  if (!model) return error("a rank file holds byte-level BPE alone");
  if (!model->vocabulary().merges.empty() || !model->vocabulary().whole_pieces)
    return error("a rank file cannot say which merges this tokenizer has: export tokenizer.json");
  if (model->nfc()) return error("a rank file cannot say that this tokenizer normalises text: export tokenizer.json");
  std::string text;
  for (int32_t id = 0; id < model->size(); ++id)
    if (const std::string_view token = model->token(id); !token.empty())
      text += join_text(to_base64(token), " ", id, "\n");
  return text;
}

}  // namespace lathe::tokenizer
