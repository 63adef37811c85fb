#include <algorithm>

#include "core/text.h"
#include "tokenizer/bpe_model.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/foreign_split.h"
#include "tokenizer/hf_file.h"
#include "tokenizer/hf_merges.h"
#include "tokenizer/hf_spm.h"
#include "tokenizer/hf_text.h"

namespace lathe::tokenizer {
namespace {

Json byte_level() {
  return Json(
      Json::Object{{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}});
}

Json pre_tokenizer(const SplitPattern& split) {
  if (split.foreign) {
    Json steps = split.foreign->steps();
    const Json* type = steps.size() > 0 ? steps.at(steps.size() - 1).find("type") : nullptr;
    if (!type || type->as_string() != "ByteLevel") steps.push_back(byte_level());
    return Json(Json::Object{{"type", "Sequence"}, {"pretokenizers", std::move(steps)}});
  }
  const Json cut(Json::Object{{"type", "Split"},
                              {"pattern", Json(Json::Object{{"Regex", split.portable}})},
                              {"behavior", "Isolated"},
                              {"invert", false}});
  return Json(Json::Object{{"type", "Sequence"}, {"pretokenizers", Json(Json::Array{cut, byte_level()})}});
}

Json added_token(const AddedToken& token) {
  return Json(Json::Object{{"id", int64_t{token.id}},
                           {"content", token.text},
                           {"single_word", false},
                           {"lstrip", token.lstrip},
                           {"rstrip", token.rstrip},
                           {"normalized", false},
                           {"special", token.special}});
}

}  // namespace

std::vector<std::pair<int32_t, int32_t>> merges_of_ranks(const std::vector<std::string>& tokens) {
  BytesMap known;
  std::vector<int32_t> ids;
  for (size_t id = 0; id < tokens.size(); ++id)
    if (!tokens[id].empty() && known.insert(tokens[id]) == static_cast<int64_t>(ids.size()))
      ids.push_back(static_cast<int32_t>(id));
  std::vector<std::pair<int32_t, int32_t>> merges;
  for (const std::string& token : tokens) {
    const auto first = static_cast<std::ptrdiff_t>(merges.size());
    for (size_t cut = 1; cut < token.size(); ++cut) {
      const int64_t left = known.find(std::string_view(token).substr(0, cut));
      const int64_t right = left < 0 ? -1 : known.find(std::string_view(token).substr(cut));
      if (right >= 0) merges.emplace_back(ids[static_cast<size_t>(left)], ids[static_cast<size_t>(right)]);
    }
    std::sort(merges.begin() + first, merges.end());
  }
  return merges;
}

namespace {

Json text_bpe_to_hugging_face(const Tokenizer& tokenizer, const TextBpeModel& model) {
  const TextBpeSettings& settings = model.settings();
  Json vocab = Json::object(), merges = Json::array(), added = Json::array();
  for (const AddedToken& token : tokenizer.added_tokens()) added.push_back(added_token(token));
  auto between = tokenizer.added_tokens().begin();
  for (size_t id = 0; id < settings.tokens.size(); ++id) {
    const auto number = static_cast<int64_t>(id);
    while (between != tokenizer.added_tokens().end() && between->id < number) ++between;
    if (!settings.tokens[id].empty()) vocab.as_object().emplace_back(settings.tokens[id], number);
    else if (between != tokenizer.added_tokens().end() && between->id == number) vocab.as_object().emplace_back(between->text, number);
  }
  for (const auto& [left, right] : settings.merges)
    merges.push_back(Json(Json::Array{Json(settings.tokens[static_cast<size_t>(left)]), Json(settings.tokens[static_cast<size_t>(right)])}));
  Json bpe(Json::Object{{"type", "BPE"},
                        {"dropout", nullptr},
                        {"unk_token", nullptr},
                        {"continuing_subword_prefix", nullptr},
                        {"end_of_word_suffix", nullptr},
                        {"fuse_unk", true},
                        {"byte_fallback", true},
                        {"ignore_merges", false},
                        {"vocab", std::move(vocab)},
                        {"merges", std::move(merges)}});
  TextForm form = text_form_of(settings);
  return Json(Json::Object{{"version", "1.0"},
                           {"truncation", nullptr},
                           {"padding", nullptr},
                           {"added_tokens", std::move(added)},
                           {"normalizer", std::move(form.normalizer)},
                           {"pre_tokenizer", std::move(form.pre_tokenizer)},
                           {"post_processor", nullptr},
                           {"decoder", std::move(form.decoder)},
                           {"model", std::move(bpe)}});
}

}  // namespace

Result<Json> to_hugging_face(const Tokenizer& tokenizer) {
  if (const auto* text = dynamic_cast<const TextBpeModel*>(&tokenizer.model())) return text_bpe_to_hugging_face(tokenizer, *text);
  if (const auto* spm = dynamic_cast<const SpmModel*>(&tokenizer.model())) return spm_to_hugging_face(tokenizer, *spm);
  const auto* model = dynamic_cast<const BpeModel*>(&tokenizer.model());
  if (!model) return error("this kind of tokenizer has no form in tokenizer.json");
  const BpeVocabulary& vocabulary = model->vocabulary();
  Json vocab = Json::object(), merges = Json::array(), added = Json::array();
  // An added token between the model's must be in the vocabulary too: that library numbers the others after it.
  auto between = tokenizer.added_tokens().begin();
  for (int32_t id = 0; id < model->size(); ++id) {
    while (between != tokenizer.added_tokens().end() && between->id < id) ++between;
    if (const std::string_view token = model->token(id); !token.empty()) {
      vocab.as_object().emplace_back(to_byte_level(token), int64_t{id});
    } else if (between != tokenizer.added_tokens().end() && between->id == id) {
      vocab.as_object().emplace_back(between->text, int64_t{id});
    }
  }
  for (const AddedToken& token : tokenizer.added_tokens()) added.push_back(added_token(token));
  const bool implied = vocabulary.merges.empty();
  for (const auto& [left, right] : implied ? merges_of_ranks(vocabulary.tokens) : vocabulary.merges)
    merges.push_back(
        Json(Json::Array{Json(to_byte_level(model->token(left))), Json(to_byte_level(model->token(right)))}));
  Json bpe(Json::Object{{"type", "BPE"},
                        {"dropout", nullptr},
                        {"unk_token", nullptr},
                        {"continuing_subword_prefix", nullptr},
                        {"end_of_word_suffix", nullptr},
                        {"fuse_unk", false},
                        {"byte_fallback", false},
                        {"ignore_merges", vocabulary.whole_pieces},
                        {"vocab", std::move(vocab)},
                        {"merges", std::move(merges)}});
  return Json(Json::Object{{"version", "1.0"},
                           {"truncation", nullptr},
                           {"padding", nullptr},
                           {"added_tokens", std::move(added)},
                           {"normalizer", model->nfc() ? Json(Json::Object{{"type", "NFC"}}) : Json()},
                           {"pre_tokenizer", pre_tokenizer(model->split())},
                           {"post_processor", nullptr},
                           {"decoder", byte_level()},
                           {"model", std::move(bpe)}});
}

}  // namespace lathe::tokenizer
