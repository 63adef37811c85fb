#include <algorithm>

#include "core/check.h"
#include "data/best_fit_buffer.h"
#include "data/loader_state.h"
#include "data/pretrain_loader.h"

namespace lathe::data {
namespace {

constexpr const char* kName = "best_fit";

struct Document {
  DocumentPosition position;
  std::vector<int32_t> ids;  // at most a row's capacity: no more of a document is ever used
};

class BestFitLoader : public TokenLoader {
 public:
  BestFitLoader(std::shared_ptr<const Corpus> corpus, Split split, DocumentEncoder& encoder,
                const PretrainLoaderOptions& options)
      : stream_(std::move(corpus), split, {options.rank, options.world, options.encode_batch}),
        encoder_(encoder),
        options_(options),
        row_(static_cast<size_t>(options.columns + 1)) {
    require(options.rows > 0 && options.columns > 0 && options.buffer_size > 0,
            "[best_fit_loader] rows, columns and buffer_size must be positive");
  }

  Status next(TokenBatch& batch) override {
    started_ = true;
    batch.resize(options_.rows, options_.columns);
    const auto columns = static_cast<std::ptrdiff_t>(options_.columns);
    for (std::ptrdiff_t r = 0; r < options_.rows; ++r) {
      LATHE_TRY_STATUS(pack_row());
      std::copy(row_.begin(), row_.end() - 1, batch.inputs().begin() + r * columns);
      std::copy(row_.begin() + 1, row_.end(), batch.targets().begin() + r * columns);
    }
    return {};
  }

  Json state() const override {
    Json state = stream_state(stream_, kName, last_, stream_.cursor());
    Json::Array buffer;
    buffer.reserve(static_cast<size_t>(3 * buffer_.size()));
    for (const Document* document : buffer_.in_order()) {
      buffer.emplace_back(document->position.part);
      buffer.emplace_back(document->position.group);
      buffer.emplace_back(document->position.index);
    }
    state["exact"]["buffer"] = std::move(buffer);
    return state;
  }

  Status restore(const Json& state, ResumeMode mode) override {
    require(!started_, "[best_fit_loader] restore after the first batch");
    const Json* exact = nullptr;
    LATHE_TRY_STATUS(restore_stream(stream_, kName, state, mode, last_, exact));
    buffer_.clear();
    if (exact == nullptr) return {};
    LATHE_TRY(const auto numbers, read_numbers(*exact, "buffer", -1));
    if (numbers.size() % 3 != 0) return error("loader state: \"buffer\" must hold three numbers a document");
    std::vector<DocumentPosition> positions;
    for (size_t i = 0; i < numbers.size(); i += 3) positions.push_back({numbers[i], numbers[i + 1], numbers[i + 2]});
    LATHE_TRY(const auto texts, read_documents(stream_.corpus(), stream_.split(), positions));
    const auto step = static_cast<size_t>(options_.encode_batch);
    for (size_t begin = 0; begin < texts.size(); begin += step) {
      const size_t count = std::min(step, texts.size() - begin);
      encode(std::span(texts).subspan(begin, count));
      for (size_t i = 0; i < count; ++i) add(positions[begin + i], std::move(ids_[i]));
    }
    return {};
  }

 private:
  Status pack_row() {
    const auto capacity = static_cast<int64_t>(row_.size());
    int64_t used = 0;
    while (used < capacity) {
      while (buffer_.size() < options_.buffer_size) LATHE_TRY_STATUS(refill());
      Document document;
      if (!buffer_.take_longest(capacity - used, document)) buffer_.take_shortest(document);
      const int64_t count = std::min(capacity - used, static_cast<int64_t>(document.ids.size()));
      std::copy_n(document.ids.begin(), count, row_.begin() + used);
      used += count;
    }
    return {};
  }

  Status refill() {
    LATHE_TRY_STATUS(stream_.next(list_));
    last_ = {list_.first.part, list_.first.group, list_.epoch};
    encode(list_.texts);
    DocumentPosition position = list_.first;
    for (auto& ids : ids_) {
      add(position, std::move(ids));
      ++position.index;
    }
    return {};
  }

  void encode(std::span<const std::string> texts) {
    encoder_.encode(texts, ids_);
    LATHE_CHECK(ids_.size() == texts.size(), ids_.size(), " encodings of ", texts.size(), " documents");
  }

  void add(const DocumentPosition& position, std::vector<int32_t> ids) {
    LATHE_CHECK(!ids.empty(), "a document without its BOS");
    const auto length = static_cast<int64_t>(ids.size());
    if (ids.size() > row_.size()) {
      ids.resize(row_.size());
      ids.shrink_to_fit();
    }
    buffer_.add(length, Document{position, std::move(ids)});
  }

  DocumentStream stream_;
  DocumentEncoder& encoder_;
  PretrainLoaderOptions options_;
  BestFitBuffer<Document> buffer_;
  LastGroup last_;
  bool started_ = false;
  std::vector<int32_t> row_;               // (T + 1)
  DocumentList list_;                      // reused
  std::vector<std::vector<int32_t>> ids_;  // reused
};

}  // namespace

std::unique_ptr<TokenLoader> best_fit_loader(std::shared_ptr<const Corpus> corpus, Split split,
                                             DocumentEncoder& encoder, const PretrainLoaderOptions& options) {
  return std::make_unique<BestFitLoader>(std::move(corpus), split, encoder, options);
}

}  // namespace lathe::data
