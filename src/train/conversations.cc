#include "train/conversations.h"

#include <algorithm>
#include <numeric>

#include "tokenizer/render.h"

namespace lathe::train {

Status RenderedSet::get(int64_t index, data::RenderedConversation& conversation) {
  LATHE_TRY(const tasks::Example example, set_->get(index));
  Result<tokenizer::Rendered> rendered = tokenizer::render_conversation(tokenizer_, example.conversation, max_tokens_);
  if (!rendered.ok()) return error("conversation ", index, ": ", rendered.error().message);
  conversation.ids = std::move(rendered.value().ids);
  conversation.mask = std::move(rendered.value().mask);
  if (example.part < taken_.size()) ++taken_[example.part];
  return {};
}

std::vector<std::pair<std::string, double>> RenderedSet::mix() const {
  const auto all = static_cast<double>(std::max<int64_t>(1, std::accumulate(taken_.begin(), taken_.end(), int64_t{0})));
  std::vector<std::pair<std::string, double>> out;
  for (size_t i = 0; i < parts_.size(); ++i) {
    const auto same = std::find_if(out.begin(), out.end(), [&](const auto& one) { return one.first == parts_[i]; });
    const double share = static_cast<double>(taken_[i]) / all;
    if (same != out.end()) same->second += share;
    else out.emplace_back(parts_[i], share);
  }
  return out;
}

}  // namespace lathe::train
