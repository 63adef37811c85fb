#include "corpus/preference_corpus.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/parallel.h"
#include "core/sha256.h"
#include "corpus/language.h"
#include "corpus/preference_duplicates.h"
#include "data/line_reader.h"
#include "data/parquet_json.h"

namespace lathe::corpus {
namespace {

constexpr size_t kBlockRecords = 1024;

struct Kept {
  data::PreferencePair pair;
  std::string prompt;  // its messages as JSON: what makes two prompts the same
};

struct Judged {
  ParsedPair parsed;
  int64_t prompt = 0, chosen = 0, rejected = 0;  // tokens
  bool prompt_cut = false;
};

bool within(int64_t value, int64_t least, int64_t most) { return value >= least && value <= most; }

std::string whole_text(const data::PreferencePair& pair) {
  std::string text;
  for (const tokenizer::Message& message : pair.prompt.messages) text += std::get<std::string>(message.content) + "\n";
  return text + pair.chosen + "\n" + pair.rejected;
}

PairFault by_text(const data::PreferencePair& pair, const PreferenceFilters& f) {
  if (!within(prompt_characters(pair), f.min_prompt_length, f.max_prompt_length)) return PairFault::kPromptLength;
  if (!within(count_code_points(pair.chosen), f.min_chosen_length, f.max_chosen_length))
    return PairFault::kChosenLength;
  if (!within(count_code_points(pair.rejected), f.min_rejected_length, f.max_rejected_length))
    return PairFault::kRejectedLength;
  if (f.language == "en" && english_probability(whole_text(pair)) < f.language_threshold) return PairFault::kLanguage;
  return PairFault::kNone;
}

class Pipeline {
 public:
  Pipeline(const PreferenceRun& run, const tokenizer::Tokenizer& tokenizer, tokenizer::ChatTemplate chat_template)
      : run_(run),
        settings_(run.settings),
        tokenizer_(tokenizer),
        template_(std::move(chat_template)),
        duplicates_(settings_.filters.deduplication_method == "fuzzy_prompt",
                    settings_.filters.deduplication_threshold) {}

  Status read(const PreferenceSource& source) {
    report_.sources.push_back({});
    report_.sources.back().source = source.where.name;
    LATHE_TRY(const std::vector<SourceFile> files, resolve_source(source.where, run_.source_map, run_.base));
    std::vector<Json> block;
    int64_t left = source.max_samples > 0 ? source.max_samples : INT64_MAX;
    const auto take = [&](Json record) -> Status {
      if (left-- <= 0) return {};
      block.push_back(std::move(record));
      return block.size() < kBlockRecords ? Status() : judge_block(block, source);
    };
    for (const SourceFile& file : files) {
      if (left <= 0) break;
      LATHE_TRY_STATUS(file.path.extension() == ".parquet" ? data::read_parquet_rows(file.path, take)
                                                           : read_lines(file.path, take, left));
    }
    return judge_block(block, source);
  }

  Result<PreferenceReport> write() {
    if (kept_.empty())
      return error_at(run_.settings.name, -1,
                      "no pair is left after the filters: ", report_.to_json().at("sources").dump());
    std::map<std::string, bool> validates;  // by prompt
    std::vector<std::pair<std::string, const std::string*>> order;
    for (const Kept& kept : kept_) validates.emplace(kept.prompt, false);
    for (const auto& entry : validates)
      order.emplace_back(sha256_hex(std::to_string(settings_.seed) + "\n" + entry.first), &entry.first);
    std::sort(order.begin(), order.end());
    const auto prompts = static_cast<double>(order.size());
    auto held = static_cast<size_t>(std::llround(prompts * (1 - settings_.train_val_split)));
    if (held == 0 && settings_.train_val_split < 1 && order.size() > 1) held = 1;
    for (size_t i = 0; i < held; ++i) validates[*order[i].second] = true;
    report_.prompts = static_cast<int64_t>(order.size());
    LATHE_TRY(report_.train, write_split("train", false, validates));
    LATHE_TRY(report_.validation, write_split("val", true, validates));
    return std::move(report_);
  }

 private:
  template <class Take>
  Status read_lines(const fs::path& path, const Take& take, const int64_t& left) {
    LATHE_TRY(const auto reader, data::LineReader::open(path));
    for (std::string_view line; left > 0;) {
      LATHE_TRY(const bool more, reader->next(line));
      if (!more) break;
      if (trim_text(line).empty()) continue;
      auto record = parse_json(line, path.string());
      if (!record.ok())
        return error_at(path.string(), reader->line_number(), "line is no JSON: ", record.error().message);
      LATHE_TRY_STATUS(take(std::move(record).value()));
    }
    return {};
  }

  Judged judge(const Json& record, const PreferenceSource& source) const {
    Judged out{pair_of_record(record, source), 0, 0, 0, false};
    PairFault& fault = out.parsed.fault;
    if (fault == PairFault::kNone) fault = by_text(out.parsed.pair, settings_.filters);
    if (fault != PairFault::kNone) return out;
    Result<data::EncodedPair> encoded = data::encode_pair(tokenizer_, template_, out.parsed.pair);
    if (!encoded.ok()) {
      fault = PairFault::kTurns;
      return out;
    }
    data::EncodedPair& tokens = encoded.value();
    if (data::differing_tokens(tokens.chosen, tokens.rejected) < settings_.filters.min_margin_tokens)
      fault = PairFault::kTooFewDiffering;
    const data::Fit fit =
        data::fit_pair(tokens, {settings_.max_length, settings_.max_prompt_length}, tokenizer_.find_bos().value_or(-1));
    if (fault == PairFault::kNone && fit == data::Fit::kTooLong) fault = PairFault::kTooManyTokens;
    out.prompt_cut = fit == data::Fit::kPromptCut;
    out.prompt = std::ssize(tokens.prompt), out.chosen = std::ssize(tokens.chosen),
    out.rejected = std::ssize(tokens.rejected);
    return out;
  }

  Status judge_block(std::vector<Json>& block, const PreferenceSource& source) {
    std::vector<Judged> judged(block.size());
    parallel_for(std::ssize(block), 8, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        judged[static_cast<size_t>(i)] = judge(block[static_cast<size_t>(i)], source);
    });
    PreferenceCounts& counts = report_.sources.back();
    counts.read += std::ssize(block);
    for (Judged& one : judged) {
      PairFault fault = one.parsed.fault;
      std::string prompt;
      if (fault == PairFault::kNone) {
        prompt = data::preference_pair_to_json(one.parsed.pair).at("prompt").dump();
        if (settings_.filters.remove_duplicates && duplicates_.seen(prompt)) fault = PairFault::kDuplicate;
      }
      ++counts.faults[static_cast<size_t>(fault)];
      if (fault != PairFault::kNone) continue;
      ++counts.kept;
      report_.prompts_cut += one.prompt_cut ? 1 : 0;
      report_.prompt_tokens += one.prompt, report_.chosen_tokens += one.chosen, report_.rejected_tokens += one.rejected;
      kept_.push_back({std::move(one.parsed.pair), std::move(prompt)});
    }
    block.clear();
    return {};
  }

  Result<int64_t> write_split(const char* name, bool validation, const std::map<std::string, bool>& validates) {
    int64_t pairs = 0, shard = 0;
    std::string lines;
    const auto flush = [&]() -> Status {
      if (lines.empty()) return {};
      const std::string file = format_text("%s_%05lld.jsonl", name, static_cast<long long>(shard++));
      LATHE_TRY_STATUS(write_file_atomic(run_.output / file, lines));
      LATHE_TRY(FileRecord record, record_file(run_.output / file, file));
      report_.shards.push_back(std::move(record));
      lines.clear();
      return {};
    };
    for (const Kept& kept : kept_) {
      if (validates.at(kept.prompt) != validation) continue;
      lines += data::preference_pair_to_json(kept.pair).dump() + "\n";
      if (++pairs % settings_.shard_size == 0) LATHE_TRY_STATUS(flush());
    }
    LATHE_TRY_STATUS(flush());
    return pairs;
  }

  const PreferenceRun& run_;
  const PreferenceSettings& settings_;
  const tokenizer::Tokenizer& tokenizer_;
  tokenizer::ChatTemplate template_;
  PromptDuplicates duplicates_;
  PreferenceReport report_;
  std::vector<Kept> kept_;
};

}  // namespace

Json PreferenceReport::to_json() const {
  Json out = Json::object();
  out["pairs"] = train + validation;
  out["train_pairs"] = train;
  out["validation_pairs"] = validation;
  out["prompts"] = prompts;
  out["prompts_cut"] = prompts_cut;
  out["prompt_tokens"] = prompt_tokens;
  out["chosen_tokens"] = chosen_tokens;
  out["rejected_tokens"] = rejected_tokens;
  out["sources"] = Json::array();
  for (const PreferenceCounts& counts : sources) {
    Json one = Json::object();
    one["name"] = counts.source;
    one["read"] = counts.read;
    one["kept"] = counts.kept;
    for (size_t i = 1; i < counts.faults.size(); ++i)
      if (counts.faults[i] > 0) one[fault_name(static_cast<PairFault>(i))] = counts.faults[i];
    out["sources"].push_back(std::move(one));
  }
  return out;
}

Result<std::vector<FileRecord>> preference_inputs(const PreferenceRun& run) {
  std::vector<FileRecord> records;
  for (const PreferenceSource& source : run.settings.sources) {
    LATHE_TRY(const std::vector<SourceFile> files, resolve_source(source.where, run.source_map, run.base));
    for (const SourceFile& file : files) {
      LATHE_TRY(FileRecord record, record_file(file.path));
      records.push_back(std::move(record));
    }
  }
  return records;
}

Result<PreferenceReport> prepare_preferences(const PreferenceRun& run, const tokenizer::Tokenizer& tokenizer) {
  LATHE_TRY(const auto chat_template, tokenizer::ChatTemplate::find(run.settings.chat_template));
  LATHE_TRY_STATUS(chat_template.check(tokenizer));
  Pipeline pipeline(run, tokenizer, chat_template);
  for (const PreferenceSource& source : run.settings.sources) LATHE_TRY_STATUS(pipeline.read(source));
  return pipeline.write();
}

}  // namespace lathe::corpus
