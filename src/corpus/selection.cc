#include "corpus/selection.h"

#include <optional>

#include "core/rng.h"

namespace lathe::corpus {

Result<std::vector<SourceSelection>> select_documents(const std::vector<const std::vector<Part>*>& sources,
                                                      const std::vector<SourceSettings>& settings, const Survivors* survivors) {
  std::vector<SourceSelection> selections;
  int64_t rank = 0;
  for (size_t s = 0; s < sources.size(); ++s) {
    SourceSelection selection;
    selection.first_rank = rank;
    const int64_t most = settings[s].most_characters(), least = settings[s].least_characters();
    for (const Part& part : *sources[s]) {
      LATHE_TRY(const auto records, read_records(part));
      for (const DocumentRecord& record : records) {
        const auto add = [&](Amount& amount) { ++amount.documents, amount.characters += record.characters; };
        const int64_t here = rank++;
        add(selection.cleaned);
        if (survivors != nullptr && !survivors->kept(here)) continue;
        add(selection.unique);
        if (record.verdict != verdict::kKept) {
          add(selection.removed[record.verdict]);
          continue;
        }
        add(selection.available);
        if (selection.reached) continue;
        if (selection.selected.characters > most - record.characters) {
          selection.reached = selection.selected.characters >= least;
          continue;
        }
        if (selection.selected.documents == 0) selection.first_selected = here;
        add(selection.selected);
        selection.flagged += record.flagged;
        selection.end_rank = rank;
      }
    }
    if (selection.selected.documents == 0) selection.end_rank = selection.first_rank;
    selections.push_back(std::move(selection));
  }
  return selections;
}

struct MixReader::Stream {
  const std::vector<Part>* parts = nullptr;
  const Survivors* survivors = nullptr;
  size_t index = 0;
  int64_t rank = 0;
  double chars_per_token = 4, offset = 0, weight = 0;
  int64_t most = 0;        // characters, as select_documents() had it
  int64_t left = 0;        // selected documents that were not handed out
  int64_t characters = 0;  // handed out

  size_t next_part = 0, at = 0;
  std::vector<DocumentRecord> records;
  std::optional<PartTexts> texts;

  double key() const { return (static_cast<double>(characters) / chars_per_token + offset) / weight; }

  // Moves behind the next selected document.
  Result<DocumentRecord> next(std::string* text) {
    while (true) {
      while (at == records.size()) {
        LATHE_TRY(records, read_records((*parts)[next_part]));
        LATHE_TRY(auto opened, PartTexts::open((*parts)[next_part]));
        texts.emplace(std::move(opened));
        ++next_part, at = 0;
      }
      const DocumentRecord record = records[at++];
      const int64_t here = rank++;
      if (record.verdict != verdict::kKept) continue;
      const bool mine = (survivors == nullptr || survivors->kept(here)) && characters <= most - record.characters;
      if (mine && text != nullptr) {
        LATHE_TRY_STATUS(texts->next(*text));
      } else {
        LATHE_TRY_STATUS(texts->skip());
      }
      if (!mine) continue;
      characters += record.characters, --left;
      return record;
    }
  }
};

MixReader::MixReader(const std::vector<const std::vector<Part>*>& sources, const std::vector<SourceSettings>& settings,
                     const std::vector<SourceSelection>& selections, const Survivors* survivors, uint64_t seed) {
  double total = 0;
  for (size_t s = 0; s < sources.size(); ++s) {
    auto stream = std::make_unique<Stream>();
    stream->parts = sources[s], stream->survivors = survivors, stream->index = s;
    stream->rank = selections[s].first_rank;
    stream->left = selections[s].selected.documents;
    stream->most = settings[s].most_characters();
    stream->chars_per_token = settings[s].chars_per_token;
    stream->offset = Rng(seed, "mix", s).uniform() * kMixOffset;
    stream->weight = settings[s].weight > 0 ? settings[s].weight : settings[s].tokens_of(selections[s].selected.characters);
    total += stream->weight;
    streams_.push_back(std::move(stream));
  }
  for (auto& stream : streams_) {
    if (total > 0) stream->weight /= total;
    weights_.push_back(stream->weight);
    stream->offset *= stream->weight;  // in the mix's tokens, not the source's
  }
}
MixReader::~MixReader() = default;

const std::vector<double>& MixReader::weights() const { return weights_; }

MixReader::Stream* MixReader::choose() {
  Stream* best = nullptr;
  for (auto& stream : streams_)
    if (stream->left > 0 && (best == nullptr || stream->key() < best->key())) best = stream.get();
  return best;
}

Result<bool> MixReader::next(MixDocument& document) {
  Stream* const stream = choose();
  if (stream == nullptr) return false;
  LATHE_TRY(const DocumentRecord record, stream->next(&document.text));
  document.source = stream->index;
  document.place = record.place;
  document.characters = record.characters;
  document.flagged = record.flagged != 0;
  return true;
}

Status MixReader::skip(int64_t documents) {
  for (; documents > 0; --documents) {
    Stream* const stream = choose();
    if (stream == nullptr) return error("fewer documents are selected than finished shards hold; start again with --force");
    LATHE_TRY(const DocumentRecord record, stream->next(nullptr));
    (void)record;
  }
  return {};
}

}  // namespace lathe::corpus
