// The Generator over a model in training: every answer is from a copy of the weights as they are when it is asked for.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "serve/generator.h"
#include "serve/weights_loan.h"
#include "tokenizer/tokenizer.h"

namespace lathe::serve {

// Its thread computes alone (one thread), with what time the training leaves it.
class LiveGenerator : public Generator {
 public:
  // chat_template: a name of tokenizer/chat_template.h, for questions that are no beginning of a text.
  LiveGenerator(std::shared_ptr<WeightsLoan> loan, tokenizer::Tokenizer tokenizer, std::string chat_template = "chat")
      : loan_(std::move(loan)), tokenizer_(std::move(tokenizer)), chat_template_(std::move(chat_template)) {}

  std::string device() const override { return "cpu"; }
  Status check(const GenerationRequest& request) const override;
  Status generate(const GenerationRequest& request, const std::function<void(std::string_view)>& on_text,
                  const std::function<bool()>& is_cancelled) override;
  // Of the answer under way, once its first text is there: the step of its weights, and the bytes of the copy. Any thread.
  int64_t step() const { return step_; }
  int64_t copy_bytes() const { return copy_bytes_; }

 private:
  std::shared_ptr<WeightsLoan> loan_;
  tokenizer::Tokenizer tokenizer_;
  std::string chat_template_;
  std::unique_ptr<infer::ModelCopy> copy_;
  std::atomic<int64_t> step_ = -1, copy_bytes_ = 0;
};

}  // namespace lathe::serve
