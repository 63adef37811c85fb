#include "data/preference_pair.h"

#include "data/line_reader.h"

namespace lathe::data {
namespace {

using tokenizer::Conversation;
using tokenizer::Role;

Result<std::string> answer_of(const Json& json, const char* key) {
  const Json* value = json.find(key);
  if (value == nullptr || !value->is_string()) return error("\"", key, "\" must be a text");
  return value->as_string();
}

// The answer's tokens: from the end of the prompt to the last that is trained, which is the stop token.
Result<std::vector<int32_t>> response(const tokenizer::Tokenizer& tokenizer,
                                      const tokenizer::ChatTemplate& chat_template, const Conversation& prompt,
                                      const std::string& answer, const std::vector<int32_t>& prompt_ids) {
  Conversation whole = prompt;
  whole.messages.push_back({Role::kAssistant, answer});
  LATHE_TRY(tokenizer::Rendered rendered, chat_template.render(tokenizer, whole));
  std::vector<int32_t>& ids = rendered.ids;
  if (ids.size() < prompt_ids.size() || !std::equal(prompt_ids.begin(), prompt_ids.end(), ids.begin()))
    return error("the prompt's tokens are no prefix of the conversation's in the template ", chat_template.name());
  size_t end = ids.size();
  while (end > prompt_ids.size() && rendered.mask[end - 1] == 0) --end;
  if (end == prompt_ids.size()) return error("an answer has no tokens");
  return std::vector<int32_t>(ids.begin() + static_cast<std::ptrdiff_t>(prompt_ids.size()),
                              ids.begin() + static_cast<std::ptrdiff_t>(end));
}

}  // namespace

Result<PreferencePair> preference_pair_from_json(const Json& json) {
  if (!json.is_object()) return error("must be a JSON object");
  PreferencePair pair;
  const Json* prompt = json.find("prompt");
  if (prompt == nullptr) return error("has no \"prompt\"");
  if (prompt->is_string()) {
    pair.prompt.messages.push_back({Role::kUser, prompt->as_string()});
  } else {
    LATHE_TRY(pair.prompt, tokenizer::conversation_from_json(Json(Json::Object{{"messages", *prompt}})));
  }
  if (pair.prompt.messages.empty() || pair.prompt.messages.back().role != Role::kUser)
    return error("the prompt must end with the user's message");
  LATHE_TRY(pair.chosen, answer_of(json, "chosen"));
  LATHE_TRY(pair.rejected, answer_of(json, "rejected"));
  return pair;
}

Json preference_pair_to_json(const PreferencePair& pair) {
  Json out = Json::object();
  out["prompt"] = tokenizer::conversation_to_json(pair.prompt).at("messages");
  out["chosen"] = pair.chosen;
  out["rejected"] = pair.rejected;
  return out;
}

Result<EncodedPair> encode_pair(const tokenizer::Tokenizer& tokenizer, const tokenizer::ChatTemplate& chat_template,
                                const PreferencePair& pair) {
  EncodedPair out;
  LATHE_TRY(out.prompt, chat_template.prompt(tokenizer, pair.prompt));
  LATHE_TRY(out.chosen, response(tokenizer, chat_template, pair.prompt, pair.chosen, out.prompt));
  LATHE_TRY(out.rejected, response(tokenizer, chat_template, pair.prompt, pair.rejected, out.prompt));
  return out;
}

Fit fit_pair(EncodedPair& pair, const PairLimits& limits, int32_t bos) {
  const auto length = static_cast<int64_t>(pair.prompt.size());
  const int64_t room = limits.max_length - pair.longest_response(),
                keep = std::min({length, limits.max_prompt_length, room});
  if (keep == length) return Fit::kWhole;
  if (keep < std::min(length, kLeastPrompt)) return Fit::kTooLong;
  const bool leading = !pair.prompt.empty() && bos >= 0 && pair.prompt[0] == bos;
  pair.prompt.erase(pair.prompt.begin() + (leading ? 1 : 0),
                    pair.prompt.begin() + (leading ? 1 : 0) + static_cast<std::ptrdiff_t>(length - keep));
  return Fit::kPromptCut;
}

int64_t differing_tokens(const std::vector<int32_t>& chosen, const std::vector<int32_t>& rejected) {
  const auto shorter = static_cast<int64_t>(std::min(chosen.size(), rejected.size()));
  int64_t head = 0, tail = 0;
  while (head < shorter && chosen[static_cast<size_t>(head)] == rejected[static_cast<size_t>(head)]) ++head;
  while (tail < shorter - head && *(chosen.end() - 1 - tail) == *(rejected.end() - 1 - tail)) ++tail;
  return static_cast<int64_t>(std::max(chosen.size(), rejected.size())) - head - tail;
}

Result<std::vector<fs::path>> preference_shards(const fs::path& folder, PreferenceSplit split) {
  const std::string start = split == PreferenceSplit::kTrain ? "train_" : "val_";
  std::vector<fs::path> files;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(folder, code))
    if (const std::string name = entry.path().filename().string(); name.starts_with(start) && name.ends_with(".jsonl"))
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  if (files.empty() && split == PreferenceSplit::kTrain)
    return error_at(folder.string(), -1,
                    "holds no preference pairs; make them: lathe corpus dpo --config config/dpo/datasets/orca_dpo.json "
                    "--tokenizer-dir data/models/tokenizers/spm_32k --output-dir ",
                    folder.string());
  return files;
}

Result<std::vector<PreferencePair>> read_preference_pairs(const fs::path& file) {
  LATHE_TRY(const auto reader, LineReader::open(file));
  std::vector<PreferencePair> pairs;
  for (std::string_view line;;) {
    LATHE_TRY(const bool more, reader->next(line));
    if (!more) return pairs;
    if (trim_text(line).empty()) continue;
    const auto json = parse_json(line, file.string());
    if (!json.ok()) return error_at(file.string(), reader->line_number(), "line is no JSON: ", json.error().message);
    Result<PreferencePair> pair = preference_pair_from_json(json.value());
    if (!pair.ok()) return error_at(file.string(), reader->line_number(), "line ", pair.error().message);
    pairs.push_back(std::move(pair).value());
  }
}

}  // namespace lathe::data
