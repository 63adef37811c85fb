#include "infer/model_drafter.h"

#include <algorithm>

#include "infer/sampler.h"

namespace lathe::infer {
namespace {

constexpr int64_t kPositions = model::PagedCache::kPositions;
constexpr size_t kPiece = 512;  // tokens of a prompt that are read at once

}  // namespace

Result<std::unique_ptr<ModelDrafter>> ModelDrafter::create(LanguageModel& draft, const tokenizer::Tokenizer& tokenizer, const tokenizer::Tokenizer& target,
                                                           int64_t pages, model::KvFormat format) {
  if (tokenizer.hash() != target.hash())
    return error("the draft model's tokenizer (", tokenizer.vocab_size(), " tokens, ", tokenizer.hash().substr(0, 12), ") is not the model's (", target.vocab_size(),
                 " tokens, ", target.hash().substr(0, 12), "); guesses need the same vocabulary");
  if (draft.vocab_size() < 1 || pages < 1) return error("a draft model needs a vocabulary and at least one page, got ", pages, " pages");
  return std::unique_ptr<ModelDrafter>(new ModelDrafter(draft, std::min(draft.vocab_size(), target.vocab_size()), pages, format));
}

ModelDrafter::ModelDrafter(LanguageModel& draft, int64_t vocab_size, int64_t pages, model::KvFormat format)
    : draft_(draft), vocab_size_(vocab_size), cache_(draft.new_pages(pages, format)) {
  for (int64_t page = pages; page > 0; --page) free_.push_back(static_cast<int32_t>(page - 1));
}

void ModelDrafter::forget(int64_t id) {
  const auto found = sequences_.find(id);
  if (found == sequences_.end()) return;
  free_.insert(free_.end(), found->second.pages.begin(), found->second.pages.end());
  sequences_.erase(found);
}

// Pages for so many positions, taken from others where none is free.
bool ModelDrafter::reserve(int64_t id, Sequence& sequence, int64_t positions) {
  const int64_t pages = (positions + kPositions - 1) / kPositions;
  if (pages > cache_.pages()) return false;
  while (static_cast<int64_t>(sequence.pages.size()) < pages) {
    if (free_.empty()) {
      const auto* oldest = static_cast<const std::pair<const int64_t, Sequence>*>(nullptr);
      for (const auto& entry : sequences_)
        if (entry.first != id && !entry.second.pages.empty() && (oldest == nullptr || entry.second.asked < oldest->second.asked)) oldest = &entry;
      if (oldest == nullptr) return false;
      forget(oldest->first);
    }
    sequence.pages.push_back(free_.back());
    free_.pop_back();
  }
  return true;
}

// The most likely token after these; -1 where the model has none.
int32_t ModelDrafter::feed(Sequence& sequence, std::span<const int32_t> tokens) {
  int32_t next = -1;
  for (size_t at = 0; at < tokens.size(); at += kPiece) {
    const size_t count = std::min(kPiece, tokens.size() - at);
    const bool last = at + count == tokens.size();
    model::PagedRow row;
    row.ids = tokens.subspan(at, count);
    row.start = static_cast<int64_t>(sequence.held.size());
    row.previous = sequence.held.empty() ? -1 : sequence.held.back();
    row.pages = sequence.pages;
    row.wanted = last;
    const Tensor logits = draft_.step({&row, 1}, cache_);
    if (last) next = argmax(logits.span<float>().first(static_cast<size_t>(vocab_size_)));
    sequence.held.insert(sequence.held.end(), row.ids.begin(), row.ids.end());
  }
  return next;
}

std::vector<int32_t> ModelDrafter::propose(int64_t id, std::span<const int32_t> tokens, int64_t most) {
  std::vector<int32_t> guesses;
  // The last guess is not fed.
  const auto size = static_cast<int64_t>(tokens.size());
  most = std::min(most, draft_.context_limit() - size + 1);
  if (most < 1 || size < 1 || std::any_of(tokens.begin(), tokens.end(), [&](int32_t token) { return token < 0 || token >= draft_.vocab_size(); })) return guesses;
  Sequence& sequence = sequences_[id];
  sequence.asked = ++calls_;
  if (!reserve(id, sequence, size + most - 1)) {
    forget(id);
    return guesses;
  }
  // What is held and still true; the last token is read again at least, for its logits.
  const size_t limit = std::min(sequence.held.size(), tokens.size() - 1);
  const auto parted = std::mismatch(sequence.held.begin(), sequence.held.begin() + static_cast<int64_t>(limit), tokens.begin());
  sequence.held.erase(parted.first, sequence.held.end());
  int32_t next = feed(sequence, tokens.subspan(sequence.held.size()));
  while (next >= 0) {
    guesses.push_back(next);
    if (static_cast<int64_t>(guesses.size()) == most) break;
    next = feed(sequence, {&guesses.back(), 1});
  }
  return guesses;
}

}  // namespace lathe::infer
