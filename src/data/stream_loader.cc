#include <algorithm>
#include <deque>

#include "core/check.h"
#include "data/loader_state.h"
#include "data/pretrain_loader.h"

namespace lathe::data {
namespace {

constexpr const char* kName = "stream";

struct Document {
  StreamCursor place;
  std::vector<int32_t> ids;
};

class StreamLoader : public TokenLoader {
 public:
  StreamLoader(std::shared_ptr<const Corpus> corpus, Split split, DocumentEncoder& encoder,
               const PretrainLoaderOptions& options)
      : stream_(std::move(corpus), split, {options.rank, options.world, options.encode_batch}),
        encoder_(encoder),
        options_(options),
        tokens_(static_cast<size_t>(options.rows * options.columns + 1)) {
    require(options.rows > 0 && options.columns > 0, "[stream_loader] rows and columns must be positive");
  }

  Status next(TokenBatch& batch) override {
    started_ = true;
    const auto needed = static_cast<int64_t>(tokens_.size());
    while (available_ < needed) LATHE_TRY_STATUS(refill());
    copy_tokens();
    batch.resize(options_.rows, options_.columns);
    std::copy(tokens_.begin(), tokens_.end() - 1, batch.inputs().begin());
    std::copy(tokens_.begin() + 1, tokens_.end(), batch.targets().begin());
    drop_tokens(needed - 1);
    return {};
  }

  Json state() const override {
    const StreamCursor cursor = documents_.empty() ? stream_.cursor() : documents_.front().place;
    Json state = stream_state(stream_, kName, last_, cursor);
    state["exact"]["offset"] = used_;
    return state;
  }

  Status restore(const Json& state, ResumeMode mode) override {
    require(!started_, "[stream_loader] restore after the first batch");
    const Json* exact = nullptr;
    LATHE_TRY_STATUS(restore_stream(stream_, kName, state, mode, last_, exact));
    documents_.clear();
    available_ = used_ = 0;
    if (exact == nullptr) return {};
    LATHE_TRY(const int64_t offset, read_number(*exact, "offset"));
    if (offset == 0) return {};
    LATHE_TRY_STATUS(refill());
    if (offset < 0 || offset >= static_cast<int64_t>(documents_.front().ids.size()))
      return error_at(stream_.corpus().path().string(), -1, "the saved position is token ", offset,
                      " of a document of ", documents_.front().ids.size(),
                      " tokens; the corpus or the tokenizer has changed");
    drop_tokens(offset);
    return {};
  }

 private:
  Status refill() {
    LATHE_TRY_STATUS(stream_.next(list_));
    last_ = {list_.first.part, list_.first.group, list_.epoch};
    encoder_.encode(list_.texts, ids_);
    LATHE_CHECK(ids_.size() == list_.texts.size(), ids_.size(), " encodings of ", list_.texts.size(), " documents");
    StreamCursor place{list_.epoch, list_.first};
    for (auto& ids : ids_) {
      LATHE_CHECK(!ids.empty(), "a document without its BOS");
      available_ += static_cast<int64_t>(ids.size());
      documents_.push_back(Document{place, std::move(ids)});
      ++place.next.index;
    }
    return {};
  }

  void copy_tokens() {
    auto out = tokens_.begin();
    int64_t skip = used_;
    for (auto document = documents_.begin(); out != tokens_.end(); ++document) {
      const auto& ids = document->ids;
      const auto count = std::min<std::ptrdiff_t>(tokens_.end() - out, std::ssize(ids) - skip);
      out = std::copy_n(ids.begin() + skip, count, out);
      skip = 0;
    }
  }

  void drop_tokens(int64_t count) {
    available_ -= count;
    used_ += count;
    while (!documents_.empty() && used_ >= std::ssize(documents_.front().ids)) {
      used_ -= std::ssize(documents_.front().ids);
      documents_.pop_front();
    }
  }

  DocumentStream stream_;
  DocumentEncoder& encoder_;
  PretrainLoaderOptions options_;
  std::deque<Document> documents_;
  int64_t available_ = 0;  // tokens of documents_ not used yet
  int64_t used_ = 0;       // tokens of the front document that are used
  LastGroup last_;
  bool started_ = false;
  std::vector<int32_t> tokens_;            // (B * T + 1)
  DocumentList list_;                      // reused
  std::vector<std::vector<int32_t>> ids_;  // reused
};

}  // namespace

std::unique_ptr<TokenLoader> stream_loader(std::shared_ptr<const Corpus> corpus, Split split, DocumentEncoder& encoder,
                                           const PretrainLoaderOptions& options) {
  return std::make_unique<StreamLoader>(std::move(corpus), split, encoder, options);
}

}  // namespace lathe::data
