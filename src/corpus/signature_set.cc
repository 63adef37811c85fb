#include "corpus/signature_set.h"

#include <algorithm>
#include <optional>

#include "core/check.h"

namespace lathe::corpus {

Result<SignatureSet> SignatureSet::open(const std::vector<SignatureSource>& sources, MinHashSettings settings) {
  SignatureSet set;
  set.settings_ = settings;
  for (size_t source = 0; source < sources.size(); ++source)
    for (const fs::path& path : sources[source].files) {
      LATHE_TRY(const SignatureReader reader, SignatureReader::open(path, settings));
      const int64_t documents = reader.documents();
      set.parts_.push_back({path, reader.hash(), static_cast<int64_t>(source), set.documents_, documents, nullptr});
      set.documents_ += documents;
    }
  return set;
}

std::string SignatureSet::hashes() const {
  std::string text;
  for (const Part& part : parts_) text += std::to_string(part.source) + " " + part.hash + "\n";
  return text;
}

size_t SignatureSet::index_of(int64_t rank) const {
  require(rank >= 0 && rank < documents_, "[duplicates] document ", rank, " of ", documents_);
  const auto after = std::upper_bound(parts_.begin(), parts_.end(), rank,
                                      [](int64_t value, const Part& part) { return value < part.first; });
  return static_cast<size_t>(after - parts_.begin()) - 1;
}

Result<const SignatureSet::Part*> SignatureSet::part_of(int64_t rank) const {
  Part& part = parts_[index_of(rank)];
  if (part.reader == nullptr) {
    if (open_ == kMostOpen) {
      for (Part& other : parts_) other.reader.reset();
      open_ = 0;
    }
    LATHE_TRY(SignatureReader reader, SignatureReader::open(part.path, settings_));
    if (reader.hash() != part.hash) return error_at(part.path.string(), -1, "was changed while duplicates were looked for");
    part.reader = std::make_unique<SignatureReader>(std::move(reader));
    ++open_;
  }
  return &part;
}

Status SignatureSet::scan(int64_t share, int64_t shares,
                          const std::function<Status(int64_t, int64_t, const SignatureView&)>& visit) const {
  std::vector<uint32_t> buffer;
  for (int64_t p = share; p < std::ssize(parts_); p += shares) {
    const Part& part = parts_[static_cast<size_t>(p)];
    std::optional<uint64_t> last;
    if (part.first > 0 && part.documents > 0 && source_of(part.first - 1) == part.source) {
      LATHE_TRY(const SignatureView before, read(part.first - 1, buffer));
      last = before.document;
    }
    LATHE_TRY(const SignatureReader reader, SignatureReader::open(part.path, settings_));
    LATHE_TRY_STATUS(reader.scan([&](int64_t index, const SignatureView& view) -> Status {
      if (last && view.document <= *last)
        return error("signature files of source ", part.source, " are out of order: document ", view.document,
                     " after ", *last);
      last = view.document;
      return visit(part.first + index, part.source, view);
    }));
  }
  return {};
}

int64_t SignatureSet::documents_of_share(int64_t share, int64_t shares) const {
  int64_t sum = 0;
  for (int64_t p = share; p < std::ssize(parts_); p += shares) sum += parts_[static_cast<size_t>(p)].documents;
  return sum;
}

Result<SignatureView> SignatureSet::read(int64_t rank, std::vector<uint32_t>& buffer) const {
  LATHE_TRY(const Part* const part, part_of(rank));
  return part->reader->read(rank - part->first, buffer);
}

Result<ExactHash> SignatureSet::read_exact(int64_t rank) const {
  LATHE_TRY(const Part* const part, part_of(rank));
  return part->reader->read_exact(rank - part->first);
}

}  // namespace lathe::corpus
