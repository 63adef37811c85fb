// Guesses of a smaller model with the same vocabulary (Leviathan et al. 2023, arXiv:2211.17192), always its most likely token.
#pragma once

#include <map>
#include <memory>

#include "core/result.h"
#include "infer/drafter.h"
#include "infer/language_model.h"
#include "tokenizer/tokenizer.h"

namespace lathe::infer {

// One thread. Keeps keys and values of the sequences it was asked about, in pages of its own; where these are used up, those of the
// sequence asked about longest ago go. A sequence longer than the model's positions gets no guesses.
class ModelDrafter : public Drafter {
 public:
  // `draft` must outlive this. Errors: its tokenizer is not the target's; no page.
  static Result<std::unique_ptr<ModelDrafter>> create(LanguageModel& draft, const tokenizer::Tokenizer& tokenizer, const tokenizer::Tokenizer& target,
                                                      int64_t pages, model::KvFormat format = model::KvFormat::kActivation);
  std::vector<int32_t> propose(int64_t id, std::span<const int32_t> tokens, int64_t most) override;
  void forget(int64_t id) override;
  int64_t free_pages() const { return static_cast<int64_t>(free_.size()); }

 private:
  struct Sequence {
    std::vector<int32_t> held, pages;  // tokens whose keys and values lie in the pages
    int64_t asked = 0;                 // number of the call
  };
  ModelDrafter(LanguageModel& draft, int64_t vocab_size, int64_t pages, model::KvFormat format);
  bool reserve(int64_t id, Sequence& sequence, int64_t positions);
  int32_t feed(Sequence& sequence, std::span<const int32_t> tokens);

  LanguageModel& draft_;
  int64_t vocab_size_;  // ids that mean something
  model::PagedCache cache_;
  std::vector<int32_t> free_;
  std::map<int64_t, Sequence> sequences_;
  int64_t calls_ = 0;
};

}  // namespace lathe::infer
