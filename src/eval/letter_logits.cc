#include "eval/letter_logits.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/check.h"

namespace lathe::eval {
namespace {

Result<std::vector<int32_t>> letter_ids(const tokenizer::Tokenizer& tokenizer, const std::vector<std::string>& letters) {
  if (letters.empty()) return error("a multiple-choice item without letters");
  std::vector<int32_t> ids;
  for (const std::string& letter : letters) {
    const std::vector<int32_t> encoded = tokenizer.encode(letter);
    if (encoded.size() != 1) return error("the tokenizer makes ", encoded.size(), " tokens of \"", letter, "\"; a letter must be one");
    ids.push_back(encoded[0]);
  }
  return ids;
}

}  // namespace

Result<std::vector<std::vector<float>>> letter_logits(infer::Engine& engine, std::span<const std::vector<int32_t>> prompts,
                                                      std::span<const std::vector<std::string>> letters) {
  require(prompts.size() == letters.size(), "[letter_logits] ", prompts.size(), " prompts, letters of ", letters.size());
  infer::LanguageModel& model = engine.model();
  std::map<size_t, std::vector<size_t>> by_length;
  std::vector<std::vector<int32_t>> wanted;
  for (size_t i = 0; i < prompts.size(); ++i) {
    const auto length = static_cast<int64_t>(prompts[i].size());
    if (length == 0) return error("the prompt holds no token");
    if (length > model.context_limit())
      return error("the text has ", length, " tokens, more than the ", model.context_limit(), " positions of the model");
    by_length[prompts[i].size()].push_back(i);
    LATHE_TRY(std::vector<int32_t> ids, letter_ids(engine.tokenizer(), letters[i]));
    wanted.push_back(std::move(ids));
  }
  std::vector<std::vector<float>> out(prompts.size());
  for (const auto& [length, group] : by_length) {
    std::vector<int32_t> ids;
    for (const size_t i : group) ids.insert(ids.end(), prompts[i].begin(), prompts[i].end());
    model::KvCache cache = model.new_cache(static_cast<int64_t>(group.size()), static_cast<int64_t>(length));
    const Tensor logits = model.forward(ids, cache);  // (prompts of the group, V)
    for (size_t row = 0; row < group.size(); ++row)
      for (const int32_t id : wanted[group[row]]) {
        const float logit = logits.data<float>()[static_cast<int64_t>(row) * logits.dim(1) + id];
        if (!std::isfinite(logit)) return error("the model gave logits that are not finite; its weights are damaged");
        out[group[row]].push_back(logit);
      }
  }
  return out;
}

size_t best_letter(std::span<const float> logits) {
  require(!logits.empty(), "[best_letter] no letter");
  return static_cast<size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

}  // namespace lathe::eval
