#include "serve/live_generator.h"

#include <sys/resource.h>
#include <unistd.h>

#include "core/parallel.h"
#include "infer/reply.h"
#include "tokenizer/chat_template.h"

namespace lathe::serve {
namespace {

constexpr const char* kChatFamily = "chat";

// Linux knows priorities per thread: the training's threads keep theirs.
void stand_back() {
  set_own_num_threads(1);
  constexpr int kLowest = 19;
  [[maybe_unused]] const int failed = ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kLowest);  // no harm in it
}

}  // namespace

Status LiveGenerator::check(const GenerationRequest& request) const {
  if (request.continues) return {};
  if (chat_template_ == kChatFamily) {
    const auto tokens = infer::ChatTokens::of(tokenizer_);
    return tokens.ok() ? Status() : Status(tokens.error());
  }
  LATHE_TRY(const tokenizer::ChatTemplate form, tokenizer::ChatTemplate::find(chat_template_));
  return form.check(tokenizer_);
}

Status LiveGenerator::generate(const GenerationRequest& request, const std::function<void(std::string_view)>& on_text,
                               const std::function<bool()>& is_cancelled) {
  stand_back();
  LATHE_TRY(const int64_t step, loan_->borrow(copy_, is_cancelled));
  if (!copy_) return error("the weights could not be copied; is there memory for two bytes a weight?");
  step_ = step;
  copy_bytes_ = copy_->bytes();
  infer::Engine engine(copy_->model(), tokenizer_);
  infer::GenerateOptions options;
  options.max_tokens = request.max_tokens;
  options.sampling.temperature = request.temperature;
  options.sampling.top_k = request.top_k;
  options.sampling.seed = request.seed;
  std::vector<int32_t> prompt;
  if (request.continues) {
    tokenizer::EncodeOptions with_bos;
    if (const auto bos = tokenizer_.find_bos()) with_bos.prepend = *bos;
    prompt = tokenizer_.encode(request.messages.back().text, with_bos);
  } else if (chat_template_ != kChatFamily) {
    LATHE_TRY(const tokenizer::ChatTemplate form, tokenizer::ChatTemplate::find(chat_template_));
    tokenizer::Conversation conversation;
    for (const infer::ChatMessage& message : request.messages)
      conversation.messages.push_back({message.role, message.text});
    LATHE_TRY(prompt, form.prompt(tokenizer_, conversation));
    options.stop_ids = form.stop_ids(tokenizer_);
  } else {
    LATHE_TRY(const infer::ChatTokens tokens, infer::ChatTokens::of(tokenizer_));
    prompt = infer::chat_prompt(tokenizer_, tokens, request.messages);
  }
  const auto pass_on = [&](std::string_view text) {
    on_text(text);
    return true;
  };
  LATHE_TRY([[maybe_unused]] const infer::Reply reply, infer::stream_reply(engine, prompt, options, pass_on, is_cancelled));
  return {};
}

}  // namespace lathe::serve
