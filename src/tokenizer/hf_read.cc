#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "tokenizer/bpe_model.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/foreign_split.h"
#include "tokenizer/hf_file.h"
#include "tokenizer/hf_merges.h"
#include "tokenizer/hf_text.h"
#include "tokenizer/pair_map.h"

namespace lathe::tokenizer {
namespace {

constexpr int64_t kMaxId = 1 << 24;

// Reads one file; every error names the field.
class Reader {
 public:
  Reader(const Json& file, const std::string& path) : file_(file), path_(path) {}

  Result<Tokenizer> read() {
    for (const char* key : {"truncation", "padding"})
      if (const Json* value = file_.find(key); value && !value->is_null()) return refuse(key, "must be null");
    LATHE_TRY(text_, read_text_form(file_, path_));
    if (!text_) {
      LATHE_TRY_STATUS(read_normalizer());
      LATHE_TRY_STATUS(read_pre_tokenizer());
      LATHE_TRY_STATUS(read_decoder());
    }
    LATHE_TRY_STATUS(read_added());
    const Json* model = file_.find("model");
    LATHE_TRY_STATUS(check_model(*model));
    LATHE_TRY_STATUS(read_vocab(*model));
    LATHE_TRY_STATUS(read_merges(*model));
    LATHE_TRY_STATUS(take_added_out());
    if (text_) return make_text();
    vocabulary_.whole_pieces = model->get_bool("ignore_merges", false);
    const auto implied = merges_of_ranks(vocabulary_.tokens);
    if (vocabulary_.merges.empty() && !implied.empty()) return refuse("model.merges", "is empty");
    if (vocabulary_.merges == implied) vocabulary_.merges.clear();
    auto made = BpeModel::make(*split_, std::move(vocabulary_), nfc_);
    if (!made.ok()) return refuse("model", made.error().message);
    return with_added(std::move(made).value());
  }

 private:
  Result<Tokenizer> make_text() {
    text_->tokens = std::move(vocabulary_.tokens);
    text_->merges = std::move(vocabulary_.merges);
    auto made = TextBpeModel::make(std::move(*text_));
    if (!made.ok()) return refuse("model", made.error().message);
    return with_added(std::move(made).value());
  }
  Result<Tokenizer> with_added(std::shared_ptr<const TokenModel> model) {
    auto tokenizer = Tokenizer::from_added(std::move(model), std::move(added_));
    if (!tokenizer.ok()) return refuse("added_tokens", tokenizer.error().message);
    return tokenizer;
  }
  template <class... Parts>
  Error refuse(std::string_view field, const Parts&... parts) const {
    return error_at(path_, -1, "\"", field, "\" ", parts...);
  }
  static std::string type_of(const Json& value) {
    const Json* type = value.find("type");
    return type && type->is_string() ? type->as_string() : "";
  }
  // A missing or wrongly typed flag is `fallback` or an error.
  Result<bool> flag(const Json& object, const std::string& where, const char* key, bool fallback) const {
    const Json* value = object.find(key);
    if (!value) return fallback;
    if (!value->is_bool()) return refuse(join_text(where, ".", key), "must be true or false");
    return value->as_bool();
  }

  Status read_normalizer() {
    const Json* normalizer = file_.find("normalizer");
    if (!normalizer || normalizer->is_null()) return {};
    std::vector<const Json*> steps = {normalizer};
    if (type_of(*normalizer) == "Sequence") {
      const Json* list = normalizer->find("normalizers");
      if (!list || !list->is_array()) return refuse("normalizer.normalizers", "must be an array");
      steps.clear();
      for (const Json& step : list->as_array()) steps.push_back(&step);
    }
    for (const Json* step : steps) {
      if (type_of(*step) != "NFC") return refuse("normalizer", "of type ", type_of(*step), " is not supported");
      nfc_ = true;
    }
    return {};
  }

  Status read_pre_tokenizer() {
    const Json* pre = file_.find("pre_tokenizer");
    if (!pre || pre->is_null()) return refuse("pre_tokenizer", "is missing: only byte-level BPE is supported");
    Json steps = Json::array();
    if (type_of(*pre) == "Sequence") {
      const Json* list = pre->find("pretokenizers");
      if (!list || !list->is_array() || list->size() == 0)
        return refuse("pre_tokenizer.pretokenizers", "must be pre-tokenizers, of which the last is a ByteLevel");
      steps = *list;
    } else {
      steps.push_back(*pre);
    }
    // A ByteLevel that only writes bytes as letters cuts nothing.
    const Json& level = steps.at(steps.size() - 1);
    if (type_of(level) != "ByteLevel")
      return refuse("pre_tokenizer", "of type ", type_of(level), " is not supported as the last one");
    LATHE_TRY(const bool prefix, flag(level, "pre_tokenizer", "add_prefix_space", true));
    LATHE_TRY(const bool own_regex, flag(level, "pre_tokenizer", "use_regex", true));
    if (!prefix && own_regex && steps.size() == 1) {
      split_ = find_split_name("gpt2");
      return {};
    }
    if (!prefix && !own_regex) steps.as_array().pop_back();
    if (steps.size() == 1 && type_of(steps.at(size_t{0})) == "Split") {
      LATHE_TRY(split_, find_single(steps.at(size_t{0})));
      if (split_) return {};
    }
    const auto split = sequence_split(steps);
    if (!split.ok()) return error_at(path_, -1, split.error().message);
    split_ = split.value();
    return {};
  }

  // The pattern of a Split alone when its regular expression says all; else null.
  Result<const SplitPattern*> find_single(const Json& split) const {
    const Json* pattern = split.find("pattern");
    const Json* regex = pattern ? pattern->find("Regex") : nullptr;
    if (!regex || !regex->is_string()) return static_cast<const SplitPattern*>(nullptr);
    LATHE_TRY(const bool invert, flag(split, "pre_tokenizer", "invert", false));
    const Json* behavior = split.find("behavior");
    const std::string how = behavior && behavior->is_string() ? behavior->as_string() : "";
    // The known patterns match every character, so what they do not match, which Removed and invert drop, is nothing.
    if (how == "Removed" && invert) return find_split(regex->as_string());
    if (how != "Isolated" || invert) return static_cast<const SplitPattern*>(nullptr);
    auto found = regex_split(regex->as_string());
    if (!found.ok()) return refuse("pre_tokenizer.pattern.Regex", found.error().message);
    return found;
  }

  Status read_decoder() const {
    const Json* decoder = file_.find("decoder");
    if (!decoder || type_of(*decoder) != "ByteLevel") return refuse("decoder", "must be of type ByteLevel");
    return {};
  }

  Status read_added() {
    const Json* list = file_.find("added_tokens");
    if (!list || list->is_null()) return {};
    if (!list->is_array()) return refuse("added_tokens", "must be an array");
    for (const Json& item : list->as_array()) {
      const std::string where = join_text("added_tokens[", added_.size(), "]");
      const Json *content = item.find("content"), *id = item.find("id");
      if (!content || !content->is_string() || content->as_string().empty())
        return refuse(where + ".content", "must be a string that is not empty");
      if (!is_id(id)) return refuse(where + ".id", "must be an integer from 0 to ", kMaxId);
      LATHE_TRY(const bool single_word, flag(item, where, "single_word", false));
      LATHE_TRY(const bool normalized, flag(item, where, "normalized", false));
      if (single_word) return refuse(where + ".single_word", "is not supported");
      const Json* normalizer = file_.find("normalizer");
      if (normalized && normalizer && !normalizer->is_null())
        return refuse(where + ".normalized", "is not supported beside a normalizer");
      AddedToken token{content->as_string(), static_cast<int32_t>(id->as_int())};
      LATHE_TRY(token.special, flag(item, where, "special", false));
      LATHE_TRY(token.lstrip, flag(item, where, "lstrip", false));
      LATHE_TRY(token.rstrip, flag(item, where, "rstrip", false));
      added_texts_.insert(token.text);
      added_.push_back(std::move(token));
    }
    return {};
  }

  static bool is_id(const Json* id) { return id && id->is_int() && id->as_int() >= 0 && id->as_int() <= kMaxId; }

  Status check_model(const Json& model) const {
    if (const Json* type = model.find("type"); type && type_of(model) != "BPE")
      return refuse("model.type", "must be BPE, not ", type->dump());
    if (const Json* dropout = model.find("dropout");
        dropout && !dropout->is_null() && !(dropout->is_number() && dropout->as_double() == 0))
      return refuse("model.dropout", "must be null");
    for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"})
      if (const Json* value = model.find(key);
          value && !value->is_null() && !(value->is_string() && value->as_string().empty()))
        return refuse(join_text("model.", key), "is not supported");
    return flag(model, "model", "ignore_merges", false).ok() ? Status()
                                                             : refuse("model.ignore_merges", "must be true or false");
  }

  // The file's vocabulary by its text form, before the added tokens are taken out.
  Status read_vocab(const Json& model) {
    const Json* vocab = model.find("vocab");
    if (!vocab || !vocab->is_object()) return refuse("model.vocab", "must be an object");
    const auto most = static_cast<int64_t>(vocab->size()) * 2 + 65536;  // ids may have gaps, but few
    for (const auto& [key, id] : vocab->as_object()) {
      if (!is_id(&id) || id.as_int() > most)
        return refuse("model.vocab", "has an id out of range for ", Json(key).dump());
      if (!ids_.emplace(key, static_cast<int32_t>(id.as_int())).second)
        return refuse("model.vocab", "lists ", Json(key).dump(), " twice");
      const auto place = static_cast<size_t>(id.as_int());
      if (place >= vocabulary_.tokens.size()) vocabulary_.tokens.resize(place + 1);
      if (!vocabulary_.tokens[place].empty()) return refuse("model.vocab", "uses the id ", place, " twice");
      // Added tokens stand in the vocabulary as plain text, which need not be in the alphabet of bytes.
      const std::optional<std::string> bytes = text_ ? key : from_byte_level(key);
      if (!bytes && !added_texts_.contains(key))
        return refuse("model.vocab", "has a letter that stands for no byte in ", Json(key).dump());
      if (key.empty()) return refuse("model.vocab", "has an empty token");
      vocabulary_.tokens[place] = bytes ? *bytes : key;
    }
    return {};
  }

  Status read_merges(const Json& model) {
    const Json* merges = model.find("merges");
    if (!merges || !merges->is_array()) return refuse("model.merges", "must be an array");
    PairMap seen;
    for (const Json& merge : merges->as_array()) {
      const auto rank = static_cast<int32_t>(vocabulary_.merges.size());
      const std::string where = join_text("model.merges[", rank, "]");
      std::string_view left, right;
      if (merge.is_string()) {
        const std::string_view text = merge.as_string();
        const size_t space = text.find(' ');
        if (space == std::string_view::npos) return refuse(where, "must be two tokens");
        left = text.substr(0, space);
        right = text.substr(space + 1);
      } else if (merge.is_array() && merge.size() == 2 && merge.at(size_t{0}).is_string() &&
                 merge.at(size_t{1}).is_string()) {
        left = merge.at(size_t{0}).as_string();
        right = merge.at(size_t{1}).as_string();
      } else {
        return refuse(where, "must be two tokens");
      }
      const auto a = ids_.find(std::string(left)), b = ids_.find(std::string(right));
      if (a == ids_.end() || b == ids_.end()) return refuse(where, "joins a token that is not in the vocabulary");
      const auto result = ids_.find(join_text(left, right));
      if (result == ids_.end()) return refuse(where, "makes a token that is not in the vocabulary");
      if (seen.find_or_insert(a->second, b->second, rank) != rank) return refuse(where, "repeats an earlier pair");
      used_.insert({a->second, b->second, result->second});
      vocabulary_.merges.emplace_back(a->second, b->second);
    }
    return {};
  }

  // An added token is not the model's, unless merges go through it.
  Status take_added_out() {
    for (const AddedToken& token : added_) {
      const auto where = ids_.find(token.text);
      if (where == ids_.end()) continue;
      if (where->second != token.id)
        return refuse("added_tokens", "gives ", token.text, " the id ", token.id, ", the vocabulary ", where->second);
      if (!used_.contains(token.id) && vocabulary_.tokens[static_cast<size_t>(token.id)].size() > 1)
        vocabulary_.tokens[static_cast<size_t>(token.id)].clear();
      else if (token.special)
        return refuse("added_tokens", "has the special token ", token.text, ", which merges can make from plain text");
    }
    while (!vocabulary_.tokens.empty() && vocabulary_.tokens.back().empty()) vocabulary_.tokens.pop_back();
    return {};
  }

  const Json& file_;
  const std::string& path_;
  const SplitPattern* split_ = nullptr;
  bool nfc_ = false;
  std::optional<TextBpeSettings> text_;  // for a BPE over characters
  BpeVocabulary vocabulary_;
  std::vector<AddedToken> added_;
  std::unordered_set<std::string> added_texts_;
  std::unordered_map<std::string, int32_t> ids_;
  std::unordered_set<int32_t> used_;  // ids that merges join or make
};

}  // namespace

bool is_hugging_face(const Json& file) {
  const Json* model = file.find("model");
  return model && model->is_object() && !file.contains("format");
}

Result<Tokenizer> from_hugging_face(const Json& file, const std::string& path) {
  if (!is_hugging_face(file)) return error_at(path, -1, "\"model\" must be an object");
  return Reader(file, path).read();
}

}  // namespace lathe::tokenizer
