#include "corpus/cluster_texts.h"

#include <map>
#include <set>

namespace lathe::corpus {
namespace {

constexpr size_t kBytes = 300;

// The beginnings of the kept documents of `wanted` places of one source.
Result<std::map<uint64_t, std::string>> read_places(const std::vector<Part>& parts, const std::set<uint64_t>& wanted) {
  std::map<uint64_t, std::string> found;
  if (wanted.empty()) return found;
  std::string text;
  for (const Part& part : parts) {
    LATHE_TRY(const auto records, read_records(part));
    if (records.empty()) continue;
    const auto first = wanted.lower_bound(records.front().place);
    if (first == wanted.end() || *first > records.back().place) continue;
    LATHE_TRY(auto texts, PartTexts::open(part));
    for (const DocumentRecord& record : records) {
      if (record.verdict != verdict::kKept) continue;
      if (!wanted.contains(record.place)) {
        LATHE_TRY_STATUS(texts.skip());
        continue;
      }
      LATHE_TRY_STATUS(texts.next(text));
      found[record.place] = excerpt(text, kBytes);
    }
  }
  return found;
}

}  // namespace

Result<std::vector<std::vector<std::string>>> read_cluster_texts(const std::vector<const std::vector<Part>*>& sources,
                                                                 const std::vector<ClusterSample>& samples) {
  std::vector<std::set<uint64_t>> wanted(sources.size());
  for (const ClusterSample& sample : samples)
    for (const ClusterMember& member : sample.members) wanted[static_cast<size_t>(member.source)].insert(member.document);
  std::vector<std::map<uint64_t, std::string>> found(sources.size());
  for (size_t i = 0; i < sources.size(); ++i) {
    LATHE_TRY(found[i], read_places(*sources[i], wanted[i]));
  }
  std::vector<std::vector<std::string>> texts;
  for (const ClusterSample& sample : samples) {
    texts.emplace_back();
    for (const ClusterMember& member : sample.members) texts.back().push_back(found[static_cast<size_t>(member.source)][member.document]);
  }
  return texts;
}

Result<std::vector<std::string>> read_first_texts(const std::vector<const std::vector<Part>*>& sources,
                                                  const std::vector<SourceSelection>& selections, const Survivors* survivors) {
  std::vector<std::string> texts(sources.size());
  for (size_t i = 0; i < sources.size(); ++i) {
    int64_t rank = selections[i].first_rank;
    bool found = false;
    for (size_t p = 0; p < sources[i]->size() && rank < selections[i].end_rank && !found; ++p) {
      const Part& part = (*sources[i])[p];
      LATHE_TRY(const auto records, read_records(part));
      for (const DocumentRecord& record : records) {
        const int64_t here = rank++;
        if (here < selections[i].first_selected || record.verdict != verdict::kKept || (survivors != nullptr && !survivors->kept(here))) continue;
        LATHE_TRY(const auto one, read_places({part}, {record.place}));
        texts[i] = one.at(record.place);
        found = true;
        break;
      }
    }
  }
  return texts;
}

}  // namespace lathe::corpus
