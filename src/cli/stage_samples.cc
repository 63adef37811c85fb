#include "cli/stage_samples.h"

#include <algorithm>

#include "core/text.h"
#include "infer/engine.h"
#include "infer/transformer_model.h"

namespace lathe::cli {
namespace {

constexpr int64_t kPrompts = 4, kAnswerTokens = 48;
constexpr size_t kMostBytes = 300;

}  // namespace

std::string plain_text(const tokenizer::Tokenizer& tokenizer, std::span<const int32_t> ids) {
  std::string text;
  for (size_t begin = 0, end = 0; begin < ids.size(); begin = end) {
    const bool special = tokenizer.is_special(ids[begin]);
    for (end = begin; end < ids.size() && tokenizer.is_special(ids[end]) == special; ++end) {
    }
    if (special) text += ' ';
    else text += tokenizer.decode_bytes(ids.subspan(begin, end - begin));
  }
  std::string plain(trim_text(text));
  if (plain.size() > kMostBytes) plain = "..." + plain.substr(plain.size() - kMostBytes);
  return repair_utf8(plain);
}

Result<std::vector<std::string>> answer_lines(model::Transformer& model, const tokenizer::Tokenizer& tokenizer,
                                              const std::vector<std::vector<int32_t>>& prompts, std::vector<int32_t> stop_ids) {
  std::vector<std::vector<int32_t>> fitting;
  for (const std::vector<int32_t>& prompt : prompts)
    if (!prompt.empty() && std::ssize(prompt) < model.config().sequence_len) fitting.push_back(prompt);
  std::vector<std::string> lines;
  if (fitting.empty()) return lines;
  infer::TransformerModel language_model(model);
  infer::Engine engine(language_model, tokenizer);
  infer::GenerateOptions options;
  options.sampling.temperature = 0;
  options.max_tokens = kAnswerTokens;
  options.stop_ids = std::move(stop_ids);
  LATHE_TRY(const infer::Generated generated, engine.generate_each(fitting, options));
  for (size_t i = 0; i < fitting.size(); ++i) {
    const std::span<const int32_t> all = generated.tokens.at(i);
    lines.push_back(plain_text(tokenizer, fitting[i]) + " \u2192 " + plain_text(tokenizer, all.subspan(fitting[i].size())));
  }
  return lines;
}

Result<std::vector<std::vector<int32_t>>> first_prompts(data::ConversationSource& set) {
  std::vector<std::vector<int32_t>> prompts;
  data::RenderedConversation conversation;
  for (int64_t i = 0; i < set.size() && std::ssize(prompts) < kPrompts; ++i) {
    LATHE_TRY_STATUS(set.get(i, conversation));
    const auto answer = std::find(conversation.mask.begin(), conversation.mask.end(), 1);
    if (answer == conversation.mask.end()) continue;
    prompts.emplace_back(conversation.ids.begin(), conversation.ids.begin() + (answer - conversation.mask.begin()));
  }
  return prompts;
}

std::vector<std::vector<int32_t>> first_prompts(const std::vector<data::EncodedPair>& pairs) {
  std::vector<std::vector<int32_t>> prompts;
  for (const data::EncodedPair& pair : pairs) {
    if (std::ssize(prompts) == kPrompts) break;
    if (prompts.empty() || prompts.back() != pair.prompt) prompts.push_back(pair.prompt);
  }
  return prompts;
}

}  // namespace lathe::cli
