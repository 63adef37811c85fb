#include "data/conversation_stream.h"

#include <algorithm>
#include <deque>

#include "core/check.h"
#include "core/log.h"
#include "data/loader_state.h"

namespace lathe::data {
namespace {

// What both have in common: walking the source in its order, every W-th conversation, epoch after epoch.
class InOrder : public ConversationPacker {
 public:
  InOrder(ConversationSource& source, const ConversationPackerOptions& options, const char* name)
      : source_(source), options_(options), name_(name), size_(source.size()), cursor_(options.rank) {
    require(options.rows > 0 && options.columns > 0, "[", name, "] rows and columns must be positive");
    require(options.world > 0 && options.rank >= 0 && options.rank < options.world, "[", name, "] rank ", options.rank, " of ", options.world);
    require(options.num_epochs >= 0, "[", name, "] num_epochs must not be negative");
  }
  const PackerProgress& progress() const override { return progress_; }

 protected:
  Status check_size(int64_t least) const {
    if (size_ >= least) return {};
    return error(size_, " conversation(s); at least ", least, " are needed; use fewer rows or ranks, or more data");
  }

  Status fetch(int64_t index, RenderedConversation& conversation) const {
    LATHE_TRY_STATUS(source_.get(index, conversation));
    LATHE_CHECK(conversation.ids.size() == conversation.mask.size(), conversation.ids.size(), " ids, ", conversation.mask.size(), " masks");
    if (conversation.ids.empty()) return error("conversation ", index, " is empty");
    return {};
  }

  int32_t target(const RenderedConversation& from, size_t at) const {
    return options_.targets == TargetMode::kEveryToken || from.mask[at] != 0 ? from.ids[at] : kIgnoredTarget;
  }

  void update_progress(double share_of_epoch) {
    const bool endless = options_.num_epochs == 0;
    const auto epochs = static_cast<double>(std::max<int64_t>(1, options_.num_epochs));
    const auto done = static_cast<double>(endless ? 0 : epoch_ - 1);
    progress_.epoch = endless ? epoch_ : std::min(epoch_, options_.num_epochs);
    progress_.last_step = !endless && epoch_ > options_.num_epochs;
    progress_.progress = progress_.last_step ? 1.0 : std::min(1.0, (done + share_of_epoch) / epochs);
  }

  Json base_state() const {
    return Json(Json::Object{{"last_step", progress_.last_step}, {"approx_progress", progress_.progress}, {"current_epoch", epoch_},
                             {"loader", name_}, {"size", size_}, {"rank", options_.rank}, {"world", options_.world},
                             {"rows", options_.rows}, {"placed", progress_.placed}, {"cut", progress_.cut}, {"cursor", cursor_}});
  }

  Status restore_base(const Json& state, ResumeMode mode) {
    require(!started_, "[", name_, "] restore after the first batch");
    require(mode == ResumeMode::kExact, "[", name_, "] resumes exactly only");
    const Json* loader = state.find("loader");
    if (loader == nullptr || *loader != Json(name_)) return error("the state is not one of ", name_);
    for (const auto& [key, expected] : {std::pair<const char*, int64_t>{"size", size_}, {"rank", options_.rank}, {"world", options_.world}, {"rows", options_.rows}}) {
      LATHE_TRY(const int64_t saved, read_number(state, key));
      if (saved != expected) return error("the state was saved with ", key, " ", saved, ", this run has ", expected, "; resume with the same data, ranks and batch, or start anew");
    }
    LATHE_TRY(epoch_, read_number(state, "current_epoch"));
    LATHE_TRY(cursor_, read_number(state, "cursor"));
    LATHE_TRY(progress_.placed, read_number(state, "placed"));
    LATHE_TRY(progress_.cut, read_number(state, "cut"));
    const Json *last = state.find("last_step"), *share = state.find("approx_progress");
    if (last == nullptr || !last->is_bool() || share == nullptr || !share->is_number()) return error("loader state: \"last_step\" and \"approx_progress\" are missing");
    if (epoch_ < 1 || cursor_ < 0 || cursor_ >= std::max<int64_t>(1, size_) + options_.world) return error("loader state: \"cursor\" is out of range");
    progress_.last_step = last->as_bool();
    progress_.progress = share->as_double();
    progress_.epoch = options_.num_epochs == 0 ? epoch_ : std::min(epoch_, options_.num_epochs);
    return {};
  }

  ConversationSource& source_;
  ConversationPackerOptions options_;
  const char* name_;
  int64_t size_;
  int64_t cursor_;  // next conversation
  int64_t epoch_ = 1;
  PackerProgress progress_;
  bool started_ = false;
};

class Stream : public InOrder {
 public:
  Stream(ConversationSource& source, const ConversationPackerOptions& options) : InOrder(source, options, "conversation_stream") {}

  Status next(TokenBatch& batch) override {
    LATHE_TRY_STATUS(check_size(options_.world));
    started_ = true;
    batch.resize(options_.rows, options_.columns);
    const int64_t tokens = options_.rows * options_.columns;
    while (std::ssize(ids_) < tokens + 1) {
      LATHE_TRY_STATUS(append(cursor_));
      ++progress_.placed;
      cursor_ += options_.world;
      if (cursor_ >= size_) {
        cursor_ = options_.rank;
        ++epoch_;
      }
    }
    std::copy_n(ids_.begin(), tokens, batch.inputs().begin());
    std::copy_n(targets_.begin() + 1, tokens, batch.targets().begin());
    drop(tokens);
    update_progress(static_cast<double>(cursor_) / static_cast<double>(size_));
    return {};
  }

  Json state() const override {
    Json out = base_state();
    Json waiting = Json::array();
    for (const Piece& piece : pieces_) waiting.push_back(piece.index);
    out["waiting"] = std::move(waiting);  // conversations whose tokens wait for the next batch
    out["used"] = used_;                  // tokens of the first of them
    return out;
  }

  Status restore(const Json& state, ResumeMode mode) override {
    LATHE_TRY_STATUS(restore_base(state, mode));
    LATHE_TRY(const auto waiting, read_numbers(state, "waiting", -1));
    LATHE_TRY(const int64_t used, read_number(state, "used"));
    for (const int64_t index : waiting) {
      if (index < 0 || index >= size_) return error("loader state: no conversation ", index, " in a set of ", size_);
      LATHE_TRY_STATUS(append(index));
    }
    if (used < 0 || (used > 0 && used >= std::ssize(ids_))) return error("loader state: \"used\" is out of range");
    drop(used);
    return {};
  }

 private:
  struct Piece {
    int64_t index, tokens;
  };

  Status append(int64_t index) {
    RenderedConversation conversation;
    LATHE_TRY_STATUS(fetch(index, conversation));
    ids_.insert(ids_.end(), conversation.ids.begin(), conversation.ids.end());
    for (size_t i = 0; i < conversation.ids.size(); ++i) targets_.push_back(target(conversation, i));
    pieces_.push_back({index, std::ssize(conversation.ids)});
    return {};
  }

  void drop(int64_t tokens) {
    ids_.erase(ids_.begin(), ids_.begin() + tokens);
    targets_.erase(targets_.begin(), targets_.begin() + tokens);
    for (used_ += tokens; !pieces_.empty() && used_ >= pieces_.front().tokens; pieces_.pop_front()) used_ -= pieces_.front().tokens;
  }

  std::deque<int32_t> ids_, targets_;  // of the same tokens
  std::deque<Piece> pieces_;
  int64_t used_ = 0;
};

class Rows : public InOrder {
 public:
  Rows(ConversationSource& source, const ConversationPackerOptions& options, int32_t pad_id)
      : InOrder(source, options, "conversation_rows"), pad_id_(pad_id) {}

  Status next(TokenBatch& batch) override {
    LATHE_TRY_STATUS(check_size(options_.rows * options_.world));
    started_ = true;
    batch.resize(options_.rows, options_.columns);
    for (int64_t r = 0; r < options_.rows; ++r, cursor_ += options_.world) LATHE_TRY_STATUS(write_row(r, batch));
    progress_.placed += options_.rows;
    const double share = static_cast<double>(cursor_) / static_cast<double>(size_);
    if (cursor_ + (options_.rows - 1) * options_.world >= size_) {  // no whole batch is left
      cursor_ = options_.rank;
      ++epoch_;
      update_progress(0);
    } else {
      update_progress(share);
    }
    return {};
  }

  Json state() const override { return base_state(); }
  Status restore(const Json& state, ResumeMode mode) override { return restore_base(state, mode); }

 private:
  Status write_row(int64_t r, TokenBatch& batch) {
    RenderedConversation conversation;
    LATHE_TRY_STATUS(fetch(cursor_, conversation));
    const auto columns = static_cast<size_t>(options_.columns);
    const size_t begin = static_cast<size_t>(r) * columns;
    if (conversation.ids.size() > columns + 1 && progress_.cut++ == 0)
      log_warning("data", "conversation ", cursor_, " has ", conversation.ids.size(), " tokens and is cut to ", columns + 1, ", as are all that are longer (said once)");
    const size_t length = std::min(conversation.ids.size(), columns + 1);
    for (size_t t = 0; t < columns; ++t) {
      batch.inputs()[begin + t] = t < length ? conversation.ids[t] : pad_id_;
      batch.targets()[begin + t] = t + 1 < length ? target(conversation, t + 1) : kIgnoredTarget;
    }
    return {};
  }

  int32_t pad_id_;
};

}  // namespace

std::unique_ptr<ConversationPacker> conversation_stream(ConversationSource& source, const ConversationPackerOptions& options) {
  return std::make_unique<Stream>(source, options);
}

std::unique_ptr<ConversationPacker> conversation_rows(ConversationSource& source, const ConversationPackerOptions& options, int32_t pad_id) {
  return std::make_unique<Rows>(source, options, pad_id);
}

}  // namespace lathe::data
