#include "corpus/signature_set.h"

#include <algorithm>
#include <optional>

#include "core/check.h"

namespace lathe::corpus {

Result<SignatureSet> SignatureSet::open(const std::vector<SignatureSource>& sources, MinHashSettings settings) {
  SignatureSet set;
  for (size_t source = 0; source < sources.size(); ++source)
    for (const fs::path& path : sources[source].files) {
      LATHE_TRY(SignatureReader reader, SignatureReader::open(path, settings));
      const int64_t documents = reader.documents();
      set.parts_.push_back({std::move(reader), static_cast<int64_t>(source), set.documents_});
      set.documents_ += documents;
    }
  return set;
}

std::string SignatureSet::hashes() const {
  std::string text;
  for (const Part& part : parts_) text += std::to_string(part.source) + " " + part.reader.hash() + "\n";
  return text;
}

size_t SignatureSet::part_of(int64_t rank) const {
  require(rank >= 0 && rank < documents_, "[duplicates] document ", rank, " of ", documents_);
  const auto after = std::upper_bound(parts_.begin(), parts_.end(), rank,
                                      [](int64_t value, const Part& part) { return value < part.first; });
  return static_cast<size_t>(after - parts_.begin()) - 1;
}

Status SignatureSet::scan(int64_t share, int64_t shares,
                          const std::function<Status(int64_t, int64_t, const SignatureView&)>& visit) const {
  std::vector<uint32_t> buffer;
  for (int64_t p = share; p < std::ssize(parts_); p += shares) {
    const Part& part = parts_[static_cast<size_t>(p)];
    std::optional<uint64_t> last;
    if (part.first > 0 && part.reader.documents() > 0 && source_of(part.first - 1) == part.source) {
      LATHE_TRY(const SignatureView before, read(part.first - 1, buffer));
      last = before.document;
    }
    LATHE_TRY_STATUS(part.reader.scan([&](int64_t index, const SignatureView& view) -> Status {
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
  for (int64_t p = share; p < std::ssize(parts_); p += shares) sum += parts_[static_cast<size_t>(p)].reader.documents();
  return sum;
}

Result<SignatureView> SignatureSet::read(int64_t rank, std::vector<uint32_t>& buffer) const {
  const Part& part = parts_[part_of(rank)];
  return part.reader.read(rank - part.first, buffer);
}

Result<ExactHash> SignatureSet::read_exact(int64_t rank) const {
  const Part& part = parts_[part_of(rank)];
  return part.reader.read_exact(rank - part.first);
}

}  // namespace lathe::corpus
