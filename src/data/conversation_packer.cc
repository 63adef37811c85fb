#include "data/conversation_packer.h"

#include <algorithm>
#include <numeric>

#include "core/check.h"
#include "core/log.h"
#include "core/rng.h"
#include "data/best_fit_buffer.h"
#include "data/loader_state.h"

namespace lathe::data {
namespace {

struct Buffered {
  int64_t index = 0;  // in the source
  RenderedConversation conversation;
};

class Packer : public ConversationPacker {
 public:
  Packer(ConversationSource& source, const ConversationPackerOptions& options)
      : source_(source), options_(options), size_(source.size()), cursor_(options.rank), consumed_(options.rank) {
    require(options.rows > 0 && options.columns > 0 && options.buffer_size > 0,
            "[conversation_packer] rows, columns and buffer_size must be positive");
    require(options.world > 0 && options.rank >= 0 && options.rank < options.world, "[conversation_packer] rank ",
            options.rank, " of ", options.world);
    require(options.num_epochs >= 0, "[conversation_packer] num_epochs must not be negative");
  }

  Status next(TokenBatch& batch) override {
    LATHE_TRY_STATUS(check_size());
    started_ = true;
    batch.resize(options_.rows, options_.columns);
    for (int64_t r = 0; r < options_.rows; ++r) {
      LATHE_TRY_STATUS(pack_row());
      write_row(r, batch);
    }
    update_progress();
    return {};
  }

  const PackerProgress& progress() const override { return progress_; }

  Json state() const override {
    Json::Array buffer;
    for (const Buffered* item : buffer_.in_order()) buffer.emplace_back(item->index);
    return Json(
        Json::Object{{"last_step", progress_.last_step},
                     {"approx_progress", progress_.progress},
                     {"current_epoch", progress_.epoch},
                     {"loader", name()},
                     {"size", size_},
                     {"rank", options_.rank},
                     {"world", options_.world},
                     {"seed", static_cast<int64_t>(options_.seed)},
                     {"position", Json::Array{epoch_, cursor_, consumed_, batches_, progress_.placed, progress_.cut}},
                     {"buffer", std::move(buffer)}});
  }

  Status restore(const Json& state, ResumeMode mode) override {
    require(!started_, "[conversation_packer] restore after the first batch");
    require(mode == ResumeMode::kExact, "[conversation_packer] resumes exactly only");
    LATHE_TRY_STATUS(check_size());
    const Json* loader = state.find("loader");
    if (loader == nullptr || *loader != Json(name()))
      return error("the state is not one of the conversation packer in mode ", name());
    LATHE_TRY_STATUS(check_equal(state, "size", size_, "conversations"));
    LATHE_TRY_STATUS(check_equal(state, "rank", options_.rank, "rank"));
    LATHE_TRY_STATUS(check_equal(state, "world", options_.world, "ranks"));
    LATHE_TRY_STATUS(check_equal(state, "seed", static_cast<int64_t>(options_.seed), "seed"));
    LATHE_TRY(const auto position, read_numbers(state, "position", 6));
    if (position[0] < 1 || std::any_of(position.begin(), position.end(), [](int64_t n) { return n < 0; }))
      return error("loader state: \"position\" is out of range");
    LATHE_TRY(const auto buffer, read_numbers(state, "buffer", -1));
    const Json* progress = state.find("approx_progress");
    if (progress == nullptr || !progress->is_number())
      return error("loader state: \"approx_progress\" must be a number");
    const Json* last = state.find("last_step");
    if (last == nullptr || !last->is_bool()) return error("loader state: \"last_step\" must be true or false");
    LATHE_TRY(progress_.epoch, read_number(state, "current_epoch"));
    buffer_.clear();
    for (const int64_t index : buffer) {
      if (index < 0 || index >= size_) return error("loader state: no conversation ", index, " in a set of ", size_);
      LATHE_TRY_STATUS(fetch(index, false));
    }
    epoch_ = position[0], cursor_ = position[1], consumed_ = position[2], batches_ = position[3];
    progress_.placed = position[4], progress_.cut = position[5];
    progress_.progress = progress->as_double();
    progress_.last_step = last->as_bool();
    return {};
  }

 private:
  const char* name() const {
    return options_.epochs == EpochMode::kExact ? "conversations_exact" : "conversations_compatible";
  }

  Status check_equal(const Json& state, const char* key, int64_t expected, const char* what) const {
    LATHE_TRY(const int64_t saved, read_number(state, key));
    if (saved == expected) return {};
    return error("the fine-tuning state was saved with ", what, " ", saved, ", this run has ", expected,
                 "; resume with the same data and ranks, or start anew");
  }

  Status check_size() const {
    if (size_ <= 0) return error("no conversation to train on");
    if (size_ < options_.world)
      return error(size_, " conversation(s) for ", options_.world, " ranks; use fewer ranks or more data");
    return {};
  }

  Status fetch(int64_t index, bool count) {
    Buffered item{index, {}};
    LATHE_TRY_STATUS(source_.get(index, item.conversation));
    auto& [ids, mask] = item.conversation;
    LATHE_CHECK(ids.size() == mask.size(), ids.size(), " ids with ", mask.size(), " mask entries");
    if (ids.empty()) return error("conversation ", index, " is empty");
    const auto capacity = static_cast<size_t>(options_.columns + 1);
    if (ids.size() > capacity) {
      if (count && progress_.cut++ == 0)
        log_warning("data", "conversation ", index, " has ", ids.size(), " tokens and is cut to ", capacity,
                    ", as are all that are longer (said once)");
      ids.resize(capacity);
      mask.resize(capacity);
    }
    const auto length = static_cast<int64_t>(ids.size());
    buffer_.add(length, std::move(item));
    return {};
  }

  // kCompatible: endless, in source order.
  Status refill_compatible() {
    while (buffer_.size() < options_.buffer_size) {
      LATHE_TRY_STATUS(fetch(cursor_, true));
      cursor_ += options_.world;
      if (cursor_ >= size_) {
        cursor_ %= size_;
        ++epoch_;
      }
    }
    return {};
  }

  // kExact: what is left of the epoch; the next one only when the buffer is empty too. May leave the buffer empty.
  Status refill_exact() {
    if (cursor_ >= size_ && buffer_.size() == 0 && epoch_ != options_.num_epochs) {
      ++epoch_;
      cursor_ = options_.rank;
    }
    while (cursor_ < size_ && buffer_.size() < options_.buffer_size) {
      shuffle();
      LATHE_TRY_STATUS(fetch(order_[static_cast<size_t>(cursor_)], true));
      cursor_ += options_.world;
    }
    return {};
  }

  void shuffle() {
    if (order_epoch_ == epoch_) return;
    order_.resize(static_cast<size_t>(size_));
    std::iota(order_.begin(), order_.end(), int64_t{0});
    Rng rng(options_.seed, "conversation order", static_cast<uint64_t>(epoch_));
    for (size_t i = order_.size() - 1; i > 0; --i) std::swap(order_[i], order_[rng.below(i + 1)]);
    order_epoch_ = epoch_;
  }

  Status pack_row() {
    const auto capacity = options_.columns + 1;
    row_.ids.clear();
    row_.mask.clear();
    while (std::ssize(row_.ids) < capacity) {
      LATHE_TRY_STATUS(options_.epochs == EpochMode::kExact ? refill_exact() : refill_compatible());
      Buffered item;
      if (!buffer_.take_longest(capacity - std::ssize(row_.ids), item)) break;
      const auto& [ids, mask] = item.conversation;
      row_.ids.insert(row_.ids.end(), ids.begin(), ids.end());
      if (options_.targets == TargetMode::kEveryToken)
        row_.mask.insert(row_.mask.end(), ids.size(), uint8_t{1});
      else
        row_.mask.insert(row_.mask.end(), mask.begin(), mask.end());
      consumed_ += options_.world;
      ++progress_.placed;
    }
    row_.ids.resize(static_cast<size_t>(capacity), options_.bos_id);
    row_.mask.resize(static_cast<size_t>(capacity), uint8_t{0});
    return {};
  }

  void write_row(int64_t r, TokenBatch& batch) const {
    const auto columns = static_cast<size_t>(options_.columns);
    const size_t begin = static_cast<size_t>(r) * columns;
    for (size_t t = 0; t < columns; ++t) {
      batch.inputs()[begin + t] = row_.ids[t];
      batch.targets()[begin + t] = row_.mask[t + 1] ? row_.ids[t + 1] : kIgnoredTarget;
    }
  }

  void update_progress() {
    ++batches_;
    progress_.epoch = epoch_;
    if (options_.epochs == EpochMode::kExact) {
      const int64_t share = (size_ - options_.rank + options_.world - 1) / options_.world;
      const int64_t all = share * std::max<int64_t>(1, options_.num_epochs);
      const bool endless = options_.num_epochs == 0;
      progress_.last_step = !endless && progress_.placed >= all;
      const int64_t counted = endless ? progress_.placed % all : progress_.placed;
      progress_.progress = static_cast<double>(counted) / static_cast<double>(all);
      return;
    }
    const bool limited = options_.num_iterations > 0;
    const double now = limited ? static_cast<double>(batches_) / static_cast<double>(options_.num_iterations)
                               : static_cast<double>(consumed_) / static_cast<double>(size_);
    progress_.progress = std::max(progress_.progress, now);
    if (consumed_ >= size_ || (limited && batches_ >= options_.num_iterations)) progress_.last_step = true;
  }

  ConversationSource& source_;
  ConversationPackerOptions options_;
  int64_t size_;
  int64_t epoch_ = 1;
  int64_t cursor_;    // next place in the order (kExact) or in the source (kCompatible)
  int64_t consumed_;  // starts at rank, grows by W a placed conversation
  int64_t batches_ = 0;
  BestFitBuffer<Buffered> buffer_;
  PackerProgress progress_;
  bool started_ = false;
  RenderedConversation row_;
  std::vector<int64_t> order_;
  int64_t order_epoch_ = 0;
};

}  // namespace

std::unique_ptr<ConversationPacker> conversation_packer(ConversationSource& source,
                                                        const ConversationPackerOptions& options) {
  return std::make_unique<Packer>(source, options);
}

Result<bool> agree_last_step(dist::Communicator& ranks, EpochMode mode, bool last_step) {
  int32_t vote = mode == EpochMode::kExact ? !last_step : last_step;
  LATHE_TRY_STATUS(ranks.all_reduce(&vote, 1, dist::ElementType::kInt32, dist::Reduction::kMax));
  return mode == EpochMode::kExact ? vote == 0 : vote != 0;
}

}  // namespace lathe::data
