// --analyze-only: what a run would give, from samples. Rows L-2.7, L-2.37.
#include <algorithm>
#include <cmath>

#include "core/log.h"
#include "core/rng.h"
#include "corpus/pipeline.h"

namespace lathe::corpus {
namespace {

constexpr double kPassShare = 0.5;   // of the text's bytes: compressed parts and signatures between the passes
constexpr double kShardShare = 0.45;  // of the text's bytes: zstd of English text

struct Sampled {
  int64_t documents = 0, kept = 0, characters = 0, kept_characters = 0, bytes = 0;
  bool all = true;               // the sample is the source
  std::vector<int64_t> lengths;  // of the kept ones
};

// Documents from blocks at places spread evenly over the files, drawn by the seed: the first blocks of each drawn file.
Result<Sampled> sample_source(const PipelineSettings& settings, const Prepared& prepared, size_t index) {
  const SourceSettings& source = settings.mix.sources[index];
  const std::vector<SourceFile>& files = prepared.files[index];
  BlockTools tools;
  tools.mix = &settings.mix, tools.source = &source, tools.quality = &prepared.quality;
  tools.decontaminator = prepared.decontaminator.get();
  tools.hasher = nullptr;
  BlockWorker worker(tools);
  Sampled sampled;
  // Every file may give its part, at least one block; files in an order drawn by the seed.
  std::vector<size_t> order(files.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  Rng rng(static_cast<uint64_t>(settings.mix.seed), "analysis", index);
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
  for (const size_t number : order) {
    if (sampled.documents >= source.analysis_sample_size) {
      sampled.all = false;
      break;
    }
    SourceReader reader(source, {files[number]});
    const int64_t share = std::max<int64_t>(1, source.analysis_sample_size / static_cast<int64_t>(files.size()));
    int64_t taken = 0;
    bool ended = false;
    while (taken < share && sampled.documents < source.analysis_sample_size) {
      Block block;
      LATHE_TRY(const bool found, reader.next(block));
      if (!found) {
        ended = true;
        break;
      }
      const auto most = static_cast<size_t>(std::min(share - taken, source.analysis_sample_size - sampled.documents));
      if (block.documents.size() > most) {
        block.documents.resize(most);
        sampled.all = false;
      }
      for (const Block::Document& document : block.documents) sampled.bytes += static_cast<int64_t>(document.end - document.begin);
      BlockResult result;
      LATHE_TRY_STATUS(worker.work(block, result));
      taken += static_cast<int64_t>(block.documents.size());
      sampled.documents += static_cast<int64_t>(block.documents.size());
      for (const DocumentRecord& record : result.records) {
        sampled.characters += record.characters;
        if (record.verdict != verdict::kKept) continue;
        ++sampled.kept, sampled.kept_characters += record.characters;
        sampled.lengths.push_back(record.characters);
      }
    }
    sampled.all &= ended;
  }
  std::sort(sampled.lengths.begin(), sampled.lengths.end());
  return sampled;
}

// Bytes of a source's files once decompressed, by the ratio that the sample's file shows; Parquet and gz as zst.
double raw_bytes(const std::vector<SourceFile>& files) {
  double sum = 0;
  for (const SourceFile& file : files) {
    const bool packed = file.name.ends_with(".gz") || file.name.ends_with(".zst") || file.name.ends_with(".parquet");
    sum += static_cast<double>(file.bytes) * (packed ? 3.0 : 1.0);
  }
  return sum;
}

int64_t whole_number(double value) { return static_cast<int64_t>(std::llround(value)); }

int64_t quantile(const std::vector<int64_t>& sorted, double at) {
  if (sorted.empty()) return 0;
  return sorted[static_cast<size_t>(at * static_cast<double>(sorted.size() - 1))];
}

}  // namespace

Result<Analysis> analyze_corpus(const PipelineSettings& settings) {
  const MixSettings& mix = settings.mix;
  LATHE_TRY(const Prepared prepared, prepare(settings));
  Analysis analysis;
  Json sources = Json::array();
  double all_tokens = 0, all_documents = 0, all_bytes = 0;
  std::vector<double> tokens(mix.sources.size());
  for (size_t i = 0; i < mix.sources.size(); ++i) {
    const SourceSettings& source = mix.sources[i];
    LATHE_TRY(const Sampled sampled, sample_source(settings, prepared, i));
    const double scale = sampled.bytes == 0 ? 0 : std::max(1.0, raw_bytes(prepared.files[i]) / static_cast<double>(sampled.bytes));
    double documents = static_cast<double>(sampled.kept) * (sampled.all ? 1 : scale);
    double characters = static_cast<double>(sampled.kept_characters) * (sampled.all ? 1 : scale);
    if (source.max_documents > 0 && static_cast<double>(sampled.documents) * scale > static_cast<double>(source.max_documents)) {
      const double cut = static_cast<double>(source.max_documents) / static_cast<double>(sampled.documents);
      documents = static_cast<double>(sampled.kept) * cut, characters = static_cast<double>(sampled.kept_characters) * cut;
    }
    const double available = characters / source.chars_per_token;
    const double budget = static_cast<double>(source.token_budget);
    const bool met = budget == 0 ? sampled.kept > 0 : available >= budget * (1 - source.margin_ratio);
    const double used = budget == 0 || available <= budget ? 1 : budget / available;
    tokens[i] = available * used;
    analysis.budget_met &= met || mix.allow_short;
    Json lengths = Json::object();
    for (const auto& [name, at] : {std::pair{"min", 0.0}, {"p10", 0.1}, {"median", 0.5}, {"p90", 0.9}, {"max", 1.0}}) lengths[name] = quantile(sampled.lengths, at);
    Json entry = Json::object();
    entry["name"] = source.name;
    entry["files"] = static_cast<int64_t>(prepared.files[i].size());
    entry["sampled_documents"] = sampled.documents;
    entry["sampled_kept"] = sampled.kept;
    entry["lengths"] = std::move(lengths);
    entry["available_tokens"] = whole_number(available);
    entry["documents"] = whole_number(documents * used);
    entry["characters"] = whole_number(characters * used);
    entry["estimated_tokens"] = whole_number(tokens[i]);
    entry["chars_per_token"] = source.chars_per_token;
    entry["token_budget"] = source.token_budget;
    entry["budget_met"] = met;
    entry["expected_shards"] = whole_number(std::ceil(documents * used / static_cast<double>(mix.processing.shard_size)));
    sources.push_back(std::move(entry));
    all_tokens += tokens[i], all_documents += documents * used, all_bytes += characters * used;
  }
  for (size_t i = 0; i < mix.sources.size(); ++i) sources.as_array()[i]["share"] = all_tokens == 0 ? 0.0 : tokens[i] / all_tokens;
  Json& plan = analysis.plan;
  plan = Json::object();
  plan["name"] = mix.name;
  plan["sources"] = std::move(sources);
  plan["documents"] = whole_number(all_documents);
  plan["estimated_tokens"] = whole_number(all_tokens);
  plan["target_total_tokens"] = mix.target_total_tokens;
  plan["expected_shards"] = whole_number(std::ceil(all_documents / static_cast<double>(mix.processing.shard_size)));
  plan["disk_bytes"] = whole_number(all_bytes * (kPassShare + kShardShare));
  LATHE_TRY(const int64_t free, free_disk_bytes(settings.output));
  plan["free_disk_bytes"] = free;
  plan["budget_met"] = analysis.budget_met;
  plan["note"] = "an estimate: sizes of compressed files are taken for a third of their text, duplicates are not counted";
  plan["settings"] = mix.to_json();
  LATHE_TRY_STATUS(write_json_atomic(settings.output / "plan.json", plan));
  return analysis;
}

}  // namespace lathe::corpus
