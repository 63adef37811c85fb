#include "corpus/block.h"

#include <limits>

#include "core/text.h"
#include "corpus/frames.h"

namespace lathe::corpus {
namespace {

constexpr size_t kSamplesOfBlock = 4;
constexpr size_t kExampleBytes = 400;
constexpr size_t kMostFrameBytes = size_t{1} << 34;

// The most texts of one name that a block hands on.
int64_t most_examples(const MixSettings& mix) { return std::max<int64_t>(mix.quality.examples, 0); }

void add_example(Tally& tally, const std::string& name, int64_t most, std::string_view text) {
  std::vector<Json>& list = tally.examples[name];
  if (static_cast<int64_t>(list.size()) < most) list.push_back(excerpt(text, kExampleBytes));
}

}  // namespace

BlockWorker::BlockWorker(const BlockTools& tools) : tools_(tools), json_(tools.source->text_keys) {}

Result<bool> BlockWorker::read(const Block& block, const Block::Document& document, std::string_view& text, Tally& tally) {
  text = block.text(document);
  if (block.form != Block::Form::kRecord) return true;
  const data::RecordText record = json_.read(text, parsed_);
  if (record.fault != data::RecordFault::kNone) {
    if (tools_.source->invalid_records == "error")
      return error_at(block.file.string(), -1, "line ", document.line, ": ", record.why,
                      "; mend or remove it, name the right field in \"text_keys\", or set \"invalid_records\" to \"skip\"");
    ++tally.counts[record.fault == data::RecordFault::kNotJson ? "read.not_json" : "read.no_text"];
    add_example(tally, "read.invalid", most_examples(*tools_.mix), repair_utf8(excerpt(text, kExampleBytes)));
    return false;
  }
  text = parsed_;
  return true;
}

void BlockWorker::note_contamination(std::string_view text, const std::vector<Contamination>& found, uint64_t place,
                                     Tally& tally) {
  ++tally.counts["contaminated.documents"];
  for (const Contamination& one : found) {
    const std::string name = "evaluation_set." + tools_.decontaminator->sets()[static_cast<size_t>(one.set)].name;
    ++tally.counts[name];
    std::vector<Json>& list = tally.examples[name];
    if (static_cast<int64_t>(list.size()) >= most_examples(*tools_.mix)) continue;
    Json example = Json::object();
    example["source"] = tools_.source->name;
    example["document"] = static_cast<int64_t>(place);
    example["matches"] = one.matches;
    example["ngram"] = excerpt(text.substr(one.begin, one.end - one.begin), kExampleBytes);
    list.push_back(std::move(example));
  }
}

void BlockWorker::judge(std::string_view cleaned, DocumentRecord& record, BlockResult& result) {
  Tally& tally = result.filtering;
  const int64_t most = most_examples(*tools_.mix);
  const auto characters_of = [](std::string_view text) {
    return static_cast<uint32_t>(std::min<int64_t>(count_code_points(text), std::numeric_limits<uint32_t>::max()));
  };
  const auto remove = [&](uint16_t why, const char* name, std::string_view text) {
    record.verdict = why;
    record.characters = characters_of(cleaned);
    add_example(tally, name, most, text);
  };
  const LanguageSettings& language = tools_.source->language;
  if (language.require_english && english_probability(cleaned) < language.min_english)
    return remove(verdict::kNotEnglish, "language", cleaned);
  const Measured measured = limit_length(cleaned, tools_.source->length, length_counts_);
  if (measured.verdict == LengthVerdict::kTooShort) return remove(verdict::kTooShort, "too_short", cleaned);
  if (measured.verdict == LengthVerdict::kTooLong) return remove(verdict::kTooLong, "too_long", cleaned);
  const QualityVerdict quality = tools_.quality->check(measured.text, quality_scratch_, quality_counts_);
  if (result.filtering.samples.size() < kSamplesOfBlock) {
    const TextStatistics& s = quality.statistics;
    const auto share = [](int64_t part, int64_t whole) { return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole); };
    tally.samples.push_back({static_cast<double>(s.characters), share(s.alphabetic_characters, s.visible_characters),
                             share(s.visible_characters, s.words), english_probability(measured.text)});
  }
  if (!quality.kept()) {
    record.verdict = static_cast<uint16_t>(verdict::kFirstRule + *quality.removed);
    record.characters = characters_of(cleaned);
    return;
  }
  const std::string_view text = quality.text;
  if (tools_.decontaminator != nullptr) {
    ++tally.counts["contaminated.looked_at"];
    if (const auto found = tools_.decontaminator->find(text); !found.empty()) {
      note_contamination(text, found, record.place, tally);
      if (tools_.mix->decontamination.action == "remove") {
        record.verdict = verdict::kContaminated;
        record.characters = characters_of(cleaned);
        return;
      }
      record.flagged = 1;
    }
  }
  record.characters = characters_of(text);
  ++result.kept;
  result.kept_characters += record.characters;
  append_number(texts_, static_cast<uint32_t>(text.size()));
  texts_ += text;
}

Status BlockWorker::work(const Block& block, BlockResult& result) {
  clean_counts_ = {}, length_counts_ = {}, quality_counts_ = {};
  texts_.clear(), cleaned_.clear();
  if (tools_.hasher != nullptr) result.signatures.emplace(*tools_.hasher);
  const bool is_cleaned = block.form == Block::Form::kCleaned;
  for (const Block::Document& document : block.documents) {
    std::string_view text;
    LATHE_TRY(const bool good, read(block, document, text, result.cleaning));
    if (!good) continue;
    if (!is_cleaned) {
      const Cleaned cleaned = clean(text, tools_.mix->cleaning, clean_scratch_, clean_counts_);
      if (cleaned.dropped) continue;
      text = cleaned.text;
      if (text.empty()) {
        ++result.cleaning.counts["read.empty"];
        continue;
      }
      if (text.size() > std::numeric_limits<uint32_t>::max())
        return error_at(block.file.string(), -1, "a document is larger than 4 GiB; split it");
    }
    if (tools_.keep_cleaned && !is_cleaned) {
      append_number(cleaned_, static_cast<uint64_t>(document.place));
      append_number(cleaned_, static_cast<uint32_t>(text.size()));
      cleaned_ += text;
    }
    result.bytes_in += static_cast<int64_t>(text.size());
    DocumentRecord record;
    record.place = static_cast<uint64_t>(document.place);
    if (result.signatures) result.signatures->add(record.place, text);
    judge(text, record, result);
    result.records.push_back(record);
  }
  if (!is_cleaned) {
    result.cleaning.counts["read.documents"] += static_cast<int64_t>(block.documents.size());
    result.cleaning.counts["read.bytes"] += static_cast<int64_t>(block.bytes.size());
    result.cleaning.add_counts("clean", clean_counts_.to_json());
  }
  result.filtering.counts["length.cut"] += length_counts_.cut;
  result.filtering.counts["length.removed_characters"] += length_counts_.removed_characters;
  result.filtering.counts["length.seen_characters"] += length_counts_.seen_characters;
  for (size_t i = 0; i < quality_counts_.rules.size(); ++i) {
    const RuleCount& rule = quality_counts_.rules[i];
    const std::string key = std::string("rule.") + tools_.quality->rules()[i].rule->key;
    result.filtering.counts[key + ".seen"] += rule.seen;
    result.filtering.counts[key + ".removed"] += rule.removed;
    result.filtering.counts[key + ".removed_characters"] += rule.removed_characters;
    for (const std::string& example : rule.examples)
      add_example(result.filtering, key, most_examples(*tools_.mix), example);
  }
  if (!texts_.empty()) LATHE_TRY_STATUS(append_zstd_frame(texts_, kPassLevel, result.texts));
  if (tools_.keep_cleaned && !is_cleaned) LATHE_TRY_STATUS(append_zstd_frame(cleaned_, kPassLevel, result.cleaned));
  return {};
}

Status read_cleaned_frame(std::string_view frame, const std::string& path, Block& block) {
  block.clear();
  block.form = Block::Form::kCleaned;
  LATHE_TRY_STATUS(read_zstd_frame(frame, kMostFrameBytes, path, block.bytes));
  constexpr size_t kHead = sizeof(uint64_t) + sizeof(uint32_t);
  for (size_t at = 0; at < block.bytes.size();) {
    if (block.bytes.size() - at < kHead) return error_at(path, -1, "damaged: a text is cut short");
    const auto place = number_at<uint64_t>(block.bytes, at);
    const size_t size = number_at<uint32_t>(block.bytes, at + sizeof(uint64_t));
    at += kHead;
    if (block.bytes.size() - at < size) return error_at(path, -1, "damaged: a text is cut short");
    block.documents.push_back({at, at + size, static_cast<int64_t>(place), 0});
    at += size;
  }
  return {};
}

std::vector<FilterStep> filter_steps(const QualityFilter& quality) {
  std::vector<FilterStep> steps = {{"language", {verdict::kNotEnglish}}, {"length", {verdict::kTooShort, verdict::kTooLong}}};
  for (size_t i = 0; i < quality.rules().size(); ++i)
    steps.push_back({quality.rules()[i].rule->key, {static_cast<uint16_t>(verdict::kFirstRule + i)}});
  steps.push_back({"decontamination", {verdict::kContaminated}});
  return steps;
}

}  // namespace lathe::corpus
