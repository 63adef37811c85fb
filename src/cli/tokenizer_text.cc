// lathe tokenizer info, encode, decode: a look at a tokenizer, and text to ids and back.
#include <charconv>
#include <iostream>
#include <iterator>

#include "cli/training.h"
#include "cli/verbs.h"
#include "tokenizer/render.h"
#include "tokenizer/train_report.h"

namespace lathe::cli {
namespace {

// A verb that uses one tokenizer, by default that of the base folder.
class TokenizerVerb : public Verb {
 public:
  void describe(SettingsTable& table) override {
    table.add("tokenizer", &path_, "folder, tokenizer.json or *.tiktoken; empty: <base>/tokenizer");
  }

 protected:
  Result<tokenizer::Tokenizer> load(const Context& context) const {
    LATHE_TRY(const fs::path path, given_or_base(context, path_, "tokenizer"));
    return tokenizer::Tokenizer::load(path);
  }

 private:
  std::string path_;
};

// The operand, else all of standard input as it is, its last line end included.
std::string operand_or_input(const Context& context) {
  if (!context.operands().empty()) return context.operands()[0];
  return {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
}

class TokenizerInfo : public TokenizerVerb {
 public:
  VerbInfo info() const override {
    return {"tokenizer info", "data", "size, hash, special tokens and token lengths", "lathe tokenizer info --json", "", 0};
  }
  Result<Exit> run(Context& context) override {
    LATHE_TRY(const tokenizer::Tokenizer tokenizer, load(context));
    const tokenizer::TokenBytesStats stats = tokenizer::token_bytes_stats(tokenizer);
    context.print("vocabulary:     ", with_thousands(tokenizer.vocab_size()), " tokens, ", tokenizer.special_tokens().size(), " of them special");
    context.print("sha256:         ", tokenizer.hash());
    context.print("token bytes:    ", stats.min, " to ", stats.max, format_text(", mean %.4f, standard deviation %.4f", stats.mean, stats.std));
    Json specials = Json::object();
    for (const std::string& name : tokenizer.special_tokens()) {
      specials[name] = tokenizer.special_id(name);
      context.print("special token:  ", tokenizer.special_id(name), "  ", name);
    }
    return context.finish(Json(Json::Object{{"vocab_size", tokenizer.vocab_size()},
                                            {"sha256", tokenizer.hash()},
                                            {"num_special_tokens", static_cast<int64_t>(tokenizer.special_tokens().size())},
                                            {"special_tokens", std::move(specials)},
                                            {"token_bytes_min", stats.min},
                                            {"token_bytes_max", stats.max},
                                            {"token_bytes_mean", stats.mean},
                                            {"token_bytes_std", stats.std}}));
  }
};

class TokenizerEncode : public TokenizerVerb {
 public:
  VerbInfo info() const override {
    return {"tokenizer encode", "data", "text to token ids", "lathe tokenizer encode --show \"Hello there\"   (without TEXT: standard input)", "[TEXT]", 1};
  }
  void describe(SettingsTable& table) override {
    TokenizerVerb::describe(table);
    table.add("show", &show_, "the tokens in colours instead of their ids; special ones would be red");
    table.add("with_ids", &with_ids_, "with --show: the id after each token");
  }
  Result<Exit> run(Context& context) override {
    LATHE_TRY(const tokenizer::Tokenizer tokenizer, load(context));
    const std::string text = operand_or_input(context);
    const std::vector<int32_t> ids = tokenizer.encode(text);
    if (show_) context.print(tokenizer::visualize_pieces(tokenizer, ids, with_ids_));
    if (show_ && !context.common().json) return Exit::kDone;
    if (!context.common().json) {
      std::string line;
      for (const int32_t id : ids) line += (line.empty() ? "" : " ") + std::to_string(id);
      context.print(line);
      return Exit::kDone;
    }
    const auto tokens = static_cast<int64_t>(ids.size()), bytes = static_cast<int64_t>(text.size());
    return context.finish(Json(Json::Object{{"tokens", tokens},
                                            {"bytes", bytes},
                                            {"bytes_per_token", tokens == 0 ? Json() : Json(static_cast<double>(bytes) / static_cast<double>(tokens))},
                                            {"sha256", tokenizer.hash()},
                                            {"ids", Json(Json::Array(ids.begin(), ids.end()))}}));
  }

 private:
  bool show_ = false, with_ids_ = false;
};

// Numbers between white space, commas and brackets, so that a printed list can be pasted as it is.
Result<std::vector<int32_t>> parse_ids(std::string_view text, int64_t vocab_size) {
  constexpr std::string_view kBetween = " \t\r\n,[]";
  std::vector<int32_t> ids;
  for (size_t at = text.find_first_not_of(kBetween); at != std::string_view::npos; at = text.find_first_not_of(kBetween, at)) {
    const std::string_view word = text.substr(at, text.find_first_of(kBetween, at) - at);
    int64_t id = -1;
    const auto [stop, code] = std::from_chars(word.data(), word.data() + word.size(), id);
    if (code != std::errc() || stop != word.data() + word.size())
      return error_at("ids", static_cast<int64_t>(at), "\"", word.substr(0, 40), "\" is not a token id, a whole number");
    if (id < 0 || id >= vocab_size)
      return error_at("ids", static_cast<int64_t>(at), "id ", id, " is outside this tokenizer's vocabulary, 0 to ", vocab_size - 1);
    ids.push_back(static_cast<int32_t>(id));
    at += word.size();
  }
  return ids;
}

class TokenizerDecode : public TokenizerVerb {
 public:
  VerbInfo info() const override {
    return {"tokenizer decode", "data", "token ids to text", "lathe tokenizer decode 72 105   (without ids: standard input)", "[ID ...]", 1 << 20};
  }
  Result<Exit> run(Context& context) override {
    LATHE_TRY(const tokenizer::Tokenizer tokenizer, load(context));
    std::string words;
    for (const std::string& word : context.operands()) words += word + " ";
    if (context.operands().empty()) words = operand_or_input(context);
    LATHE_TRY(const std::vector<int32_t> ids, parse_ids(words, tokenizer.vocab_size()));
    const std::string text = tokenizer.decode(ids);
    if (!context.common().json) {
      context.print(text);
      return Exit::kDone;
    }
    return context.finish(Json(Json::Object{{"tokens", static_cast<int64_t>(ids.size())}, {"text", text}, {"sha256", tokenizer.hash()}}));
  }
};

}  // namespace

std::unique_ptr<Verb> make_tokenizer_info() { return std::make_unique<TokenizerInfo>(); }
std::unique_ptr<Verb> make_tokenizer_encode() { return std::make_unique<TokenizerEncode>(); }
std::unique_ptr<Verb> make_tokenizer_decode() { return std::make_unique<TokenizerDecode>(); }

}  // namespace lathe::cli
