#include "data/document_stream.h"

#include <algorithm>
#include <numeric>

#include "core/check.h"

namespace lathe::data {

DocumentStream::DocumentStream(std::shared_ptr<const Corpus> corpus, Split split, StreamOptions options)
    : corpus_(std::move(corpus)),
      split_(split),
      options_(options),
      reader_(corpus_, split, options.rank, options.world) {
  require(options.world > 0 && options.rank >= 0 && options.rank < options.world, "[document_stream] rank ",
          options.rank, " of ", options.world);
  require(options.list_size > 0, "[document_stream] list_size must be positive, got ", options.list_size);
  cursor_.next = {0, reader_.parts() > 0 ? reader_.first_group(0) : 0, 0};
}

Status DocumentStream::seek(const StreamCursor& cursor) {
  const DocumentPosition& next = cursor.next;
  if (cursor.epoch < 1 || next.part < 0 || next.part >= reader_.parts() || next.group < 0 || next.index < 0)
    return error_at(corpus_->path().string(), -1, "the saved data position (epoch ", cursor.epoch, ", part ", next.part,
                    ", group ", next.group, ", document ", next.index, ") is not in this corpus");
  cursor_ = cursor;
  loaded_ = false;
  barren_passes_ = 0;
  reader_.seek(next.part, next.group);
  return {};
}

Status DocumentStream::seek_after(int64_t part, int64_t group, int64_t epoch) {
  const int64_t world = options_.world;
  if (group < 0 || group > INT64_MAX / 2)
    return error_at(corpus_->path().string(), -1, "the saved row group ", group, " is no row group");
  return seek({epoch, {part, (group / world + 1) * world + options_.rank, 0}});
}

Status DocumentStream::advance() {
  while (true) {
    LATHE_TRY(const bool found, reader_.next_group(texts_));
    if (found) {
      const DocumentPosition place{reader_.part(), reader_.group(), 0};
      // After a seek into the middle of a group, keep the index; any other group starts at its first document.
      if (place.part != cursor_.next.part || place.group != cursor_.next.group) cursor_.next = place;
      loaded_ = true;
      return {};
    }
    if (++barren_passes_ > 1) {
      const char* name = split_ == Split::kTrain ? "training" : "validation";
      if (options_.world > 1)
        return error_at(corpus_->path().string(), -1, "rank ", options_.rank, " of ", options_.world, " finds no ",
                        name, " document: no file has more than ", options_.rank,
                        " group(s); use fewer ranks or more data");
      return error_at(corpus_->path().string(), -1, "the corpus holds no ", name, " document");
    }
    ++cursor_.epoch;
    cursor_.next = {};
    reader_.seek(0, reader_.parts() > 0 ? reader_.first_group(0) : 0);
  }
}

Status DocumentStream::next(DocumentList& list) {
  while (!loaded_ || cursor_.next.index >= static_cast<int64_t>(texts_.size())) {
    if (loaded_) cursor_.next.group = -1;  // no group: the next one starts at its first document
    loaded_ = false;
    LATHE_TRY_STATUS(advance());
  }
  const auto begin = static_cast<size_t>(cursor_.next.index);
  const size_t end = std::min(texts_.size(), begin + static_cast<size_t>(options_.list_size));
  list.first = cursor_.next;
  list.epoch = cursor_.epoch;
  list.texts.assign(std::make_move_iterator(texts_.begin() + static_cast<std::ptrdiff_t>(begin)),
                    std::make_move_iterator(texts_.begin() + static_cast<std::ptrdiff_t>(end)));
  cursor_.next.index = static_cast<int64_t>(end);
  barren_passes_ = 0;
  return {};
}

Result<std::vector<std::string>> read_documents(const Corpus& corpus, Split split,
                                                const std::vector<DocumentPosition>& positions) {
  std::vector<size_t> order(positions.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return positions[a] < positions[b]; });
  const auto missing = [&](const DocumentPosition& p) {
    return error_at(corpus.path().string(), -1, "the saved buffer names a document that is not there (part ", p.part,
                    ", group ", p.group, ", document ", p.index, "); the corpus has changed since the checkpoint");
  };
  const auto& parts = corpus.parts(split);
  std::vector<std::string> found(positions.size()), group;
  std::unique_ptr<DocumentFile> file;
  DocumentPosition open{-1, -1, 0};
  for (const size_t i : order) {
    const DocumentPosition& p = positions[i];
    if (p.part < 0 || p.part >= static_cast<int64_t>(parts.size()) || p.group < 0 || p.index < 0) return missing(p);
    if (p.part != open.part) {
      LATHE_TRY(file, corpus.open_file(parts[static_cast<size_t>(p.part)].file));
      open = {p.part, -1, 0};
    }
    if (p.group != open.group) {
      LATHE_TRY(const bool exists, file->read_group(p.group, group));
      if (!exists) return missing(p);
      open.group = p.group;
    }
    if (p.index >= static_cast<int64_t>(group.size())) return missing(p);
    found[i] = group[static_cast<size_t>(p.index)];
  }
  return found;
}

}  // namespace lathe::data
