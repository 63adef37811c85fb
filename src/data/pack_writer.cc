#include "data/pack_writer.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <optional>

#include "core/check.h"
#include "data/document_order.h"

namespace lathe::data {
namespace {

constexpr int64_t kBatchBytes = 16 << 20;  // of tokens read back at a time

// Cuts the stream of a split into shards; each but the last ends with a copy of the next one's first token (row L-4.5).
class ShardSink {
 public:
  ShardSink(fs::path folder, std::string split, int64_t token_bytes, const TokenizerHash& tokenizer,
            const PackSettings& settings, SplitCounts& counts)
      : folder_(std::move(folder)),
        split_(std::move(split)),
        token_bytes_(token_bytes),
        tokenizer_(tokenizer),
        length_(settings.sequence_length),
        shard_sequences_(settings.shard_size),
        counts_(counts),
        inputs_(counts.sequences * settings.sequence_length) {}

  // Whole documents; what is beyond the last sequence is dropped.
  Status add_document(std::span<const std::byte> tokens) {
    const auto size = static_cast<int64_t>(tokens.size()) / token_bytes_;
    if (position_ < inputs_ && position_ / length_ != (std::min(position_ + size, inputs_) - 1) / length_)
      ++counts_.cut_documents;
    return add(tokens, true);
  }
  Status add_padding(std::span<const std::byte> tokens) { return add(tokens, false); }
  bool full() const { return ended_; }

 private:
  Status add(std::span<const std::byte> tokens, bool is_start) {
    const auto width = static_cast<size_t>(token_bytes_);
    while (!tokens.empty() && !ended_) {
      if (shard_ && room_ == 0) {  // the next token is the last target of the open shard
        LATHE_TRY_STATUS(shard_->add_tokens(tokens.first(width)));
        LATHE_TRY_STATUS(shard_->close());
        shard_.reset();
        ended_ = position_ == inputs_;
        continue;
      }
      if (!shard_) LATHE_TRY_STATUS(open_shard());
      if (is_start) shard_->start_document();
      is_start = false;
      const size_t count = std::min(static_cast<size_t>(room_), tokens.size() / width);
      LATHE_TRY_STATUS(shard_->add_tokens(tokens.first(count * width)));
      tokens = tokens.subspan(count * width);
      room_ -= static_cast<int64_t>(count);
      position_ += static_cast<int64_t>(count);
    }
    return {};
  }

  Status open_shard() {
    const int64_t shards = (counts_.sequences + shard_sequences_ - 1) / shard_sequences_,
                  number = position_ / length_ / shard_sequences_;
    const std::string stem = shards == 1 ? split_ : split_ + format_text("_%05lld", static_cast<long long>(number));
    LATHE_TRY(PackedFileWriter writer,
              PackedFileWriter::create(folder_ / (stem + ".bin"), token_bytes_, length_, tokenizer_));
    shard_.emplace(std::move(writer));
    counts_.files.push_back(stem + ".bin");
    counts_.files.push_back(stem + ".idx");
    room_ = std::min(shard_sequences_ * length_, inputs_ - position_);
    return {};
  }

  fs::path folder_;
  std::string split_;
  int64_t token_bytes_;
  TokenizerHash tokenizer_;
  int64_t length_, shard_sequences_;
  SplitCounts& counts_;
  int64_t inputs_;        // of all sequences; one more token follows
  int64_t position_ = 0;  // inputs written
  int64_t room_ = 0;      // inputs that the open shard still takes
  std::optional<PackedFileWriter> shard_;
  bool ended_ = false;
};

// Some documents that follow each other in the final order, read back together.
class Batch {
 public:
  explicit Batch(int64_t token_bytes) : token_bytes_(token_bytes) {}
  void clear() {
    places_.clear();
    bytes_ = 0;
  }
  bool is_full(int64_t documents) const {
    return bytes_ >= kBatchBytes || static_cast<int64_t>(places_.size()) >= documents;
  }
  void add(uint64_t first_token, uint64_t tokens) {
    places_.push_back(
        {static_cast<int64_t>(first_token) * token_bytes_, bytes_, static_cast<int64_t>(tokens) * token_bytes_});
    bytes_ += places_.back().bytes;
  }
  // In the order in which they stand in the file, which a disk reads best.
  Status read(const SpoolFile& file) {
    data_.resize(static_cast<size_t>(bytes_));
    std::vector<size_t> order(places_.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return places_[a].from < places_[b].from; });
    for (const size_t i : order)
      LATHE_TRY_STATUS(file.read(places_[i].from, data_.data() + places_[i].to, static_cast<size_t>(places_[i].bytes)));
    return {};
  }
  Status write(ShardSink& sink) const {
    for (const Place& place : places_)
      LATHE_TRY_STATUS(
          sink.add_document(std::span(data_).subspan(static_cast<size_t>(place.to), static_cast<size_t>(place.bytes))));
    return {};
  }

 private:
  struct Place {
    int64_t from, to, bytes;
  };
  int64_t token_bytes_;
  int64_t bytes_ = 0;
  std::vector<Place> places_;
  std::vector<std::byte> data_;
};

}  // namespace

Result<PackWriter> PackWriter::create(const fs::path& folder, std::string split, int64_t token_bytes,
                                      const TokenizerHash& tokenizer, const PackSettings& settings) {
  LATHE_TRY(SpoolFile tokens, SpoolFile::create(folder));
  LATHE_TRY(SpoolFile lengths, SpoolFile::create(folder));
  PackWriter writer(std::move(tokens), std::move(lengths));
  writer.folder_ = folder;
  writer.split_ = std::move(split);
  writer.token_bytes_ = token_bytes;
  writer.tokenizer_ = tokenizer;
  writer.settings_ = settings;
  return writer;
}

Status PackWriter::add_documents(std::span<const std::byte> tokens, std::span<const uint32_t> lengths) {
  counts_.documents += static_cast<int64_t>(lengths.size());
  counts_.encoded += static_cast<int64_t>(tokens.size()) / token_bytes_;
  LATHE_TRY_STATUS(tokens_.append(tokens.data(), tokens.size()));
  return lengths_.append(lengths.data(), lengths.size_bytes());
}

// Where each document begins, in tokens, and where the last one ends.
Result<std::vector<uint64_t>> PackWriter::document_offsets() {
  LATHE_TRY_STATUS(lengths_.flush());
  std::vector<uint64_t> offsets(static_cast<size_t>(counts_.documents) + 1);
  std::vector<uint32_t> lengths(1 << 16);
  for (int64_t first = 0; first < counts_.documents;) {
    const int64_t count = std::min<int64_t>(std::ssize(lengths), counts_.documents - first);
    LATHE_TRY_STATUS(lengths_.read(4 * first, lengths.data(), static_cast<size_t>(4 * count)));
    for (int64_t i = 0; i < count; ++i, ++first)
      offsets[static_cast<size_t>(first) + 1] = offsets[static_cast<size_t>(first)] + lengths[static_cast<size_t>(i)];
  }
  LATHE_CHECK(offsets.back() == static_cast<uint64_t>(counts_.encoded), offsets.back(), " tokens of ", counts_.encoded);
  return offsets;
}

Status PackWriter::check_room() const {
  const int64_t needed = counts_.encoded * token_bytes_ + 8 * counts_.documents;
  LATHE_TRY(const int64_t room, free_disk_bytes(folder_));
  if (room < needed)
    return error_at(folder_.string(), -1, "the disk is full: the shards of ", split_, " need ", needed >> 20,
                    " MiB, free are ", room >> 20);
  return {};
}

Result<SplitCounts> PackWriter::write(int32_t padding) {
  const int64_t length = settings_.sequence_length, encoded = counts_.encoded;
  const bool pads = settings_.tail == TailRule::kPad;
  counts_.sequences = encoded > 1 ? (encoded - 1 + (pads ? length - 1 : 0)) / length : 0;
  const int64_t stored = counts_.sequences > 0 ? counts_.sequences * length + 1 : 0;
  counts_.padding = std::max<int64_t>(0, stored - encoded);
  counts_.dropped = encoded + counts_.padding - stored;
  if (counts_.sequences == 0) return counts_;

  LATHE_TRY_STATUS(check_room());
  LATHE_TRY(const std::vector<uint64_t> offsets, document_offsets());
  LATHE_TRY_STATUS(tokens_.flush());
  const auto length_of = [&](int64_t document) {
    return static_cast<int64_t>(offsets[static_cast<size_t>(document) + 1] - offsets[static_cast<size_t>(document)]);
  };
  DocumentOrder order(counts_.documents, settings_, split_, length_of);
  ShardSink sink(folder_, split_, token_bytes_, tokenizer_, settings_, counts_);
  Batch batch(token_bytes_);
  for (int64_t document = order.next(); document >= 0;) {
    batch.clear();
    for (; document >= 0 && !batch.is_full(settings_.buffer_size); document = order.next())
      batch.add(offsets[static_cast<size_t>(document)], static_cast<uint64_t>(length_of(document)));
    LATHE_TRY_STATUS(batch.read(tokens_));
    LATHE_TRY_STATUS(batch.write(sink));
  }
  std::vector<std::byte> pad(static_cast<size_t>(counts_.padding * token_bytes_));
  for (int64_t i = 0; i < counts_.padding; ++i)
    std::memcpy(pad.data() + i * token_bytes_, &padding, static_cast<size_t>(token_bytes_));
  LATHE_TRY_STATUS(sink.add_padding(pad));
  LATHE_CHECK(sink.full(), "the last shard of ", split_, " is not whole");
  return counts_;
}

}  // namespace lathe::data
