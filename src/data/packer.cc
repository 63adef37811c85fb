#include "data/packer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

#include "core/clock.h"
#include "core/rng.h"
#include "core/sha256.h"
#include "data/ordered_workers.h"
#include "data/pack_writer.h"
#include "data/packed_file.h"
#include "tokenizer/frozen.h"
#include "tokenizer/frozen.h"

namespace lathe::data {
namespace {

constexpr int64_t kBlockBytes = 2 << 20;  // of text a worker takes at a time
constexpr int64_t kBlocksAhead = 2;       // per worker

// What a worker makes of one block of text.
struct EncodedBlock {
  RecordBlock records;
  struct Side {
    std::vector<std::byte> tokens;  // in the width of the shards
    std::vector<uint32_t> lengths;  // of the documents, in tokens
  };
  Side sides[2];  // train, validation
  std::map<std::string, SourceCounts> sources;
};

template <class Token>
void append(std::vector<std::byte>& out, const std::vector<int32_t>& ids) {
  const size_t begin = out.size();
  out.resize(begin + ids.size() * sizeof(Token));
  auto* to = out.data() + begin;
  for (const int32_t id : ids) {
    const auto token = static_cast<Token>(id);
    std::memcpy(to, &token, sizeof(Token));
    to += sizeof(Token);
  }
}

Status encode(EncodedBlock& block, const tokenizer::Tokenizer& tokenizer, const Separators& separators,
              const PackSettings& settings, int64_t token_bytes) {
  LATHE_TRY_STATUS(decode(block.records));
  for (EncodedBlock::Side& side : block.sides) {
    side.tokens.clear();
    side.lengths.clear();
  }
  block.sources.clear();
  tokenizer::EncodeOptions options;
  options.num_threads = 1;
  if (separators.bos) options.prepend = *separators.bos;
  if (separators.eos) options.append = *separators.eos;
  for (const Record& record : block.records.records) {
    if (const Status known = tokenizer.model().check(record.text); !known.ok())
      return error("document ", record.id, ": ", known.error().message);
    const std::vector<int32_t> ids = tokenizer.encode(record.text, options);
    if (ids.size() > UINT32_MAX)
      return error("document ", record.id, " has ", ids.size(), " tokens; at most 2^32 - 1 can be packed");
    EncodedBlock::Side& side =
        block.sides[is_train_document(record.id, settings.seed, settings.train_val_split) ? 0 : 1];
    token_bytes == 2 ? append<uint16_t>(side.tokens, ids) : append<uint32_t>(side.tokens, ids);
    side.lengths.push_back(static_cast<uint32_t>(ids.size()));
    SourceCounts& counts = block.sources[record.source];
    ++counts.documents;
    counts.characters += count_code_points(record.text);
    counts.bytes += static_cast<int64_t>(record.text.size());
    counts.tokens += static_cast<int64_t>(ids.size());
    if (separators.unk) counts.unknown += std::count(ids.begin(), ids.end(), *separators.unk);
  }
  return {};
}

void add(SourceCounts& to, const SourceCounts& counts) {
  to.documents += counts.documents;
  to.characters += counts.characters;
  to.bytes += counts.bytes;
  to.tokens += counts.tokens;
  to.unknown += counts.unknown;
}

Status check(const PackSettings& settings, const tokenizer::Tokenizer& tokenizer) {
  if (settings.sequence_length < 1 || settings.sequence_length > INT32_MAX)
    return error_at("sequence_length", -1, "must be 1 to 2^31 - 1, is ", settings.sequence_length);
  if (!(settings.train_val_split > 0 && settings.train_val_split <= 1))
    return error_at("train_val_split", -1, "the share that trains must be above 0 and at most 1, is ",
                    settings.train_val_split);
  if (settings.shard_size < 1)
    return error_at("shard_size", -1, "must be at least 1 sequence, is ", settings.shard_size);
  if (settings.num_workers < 0 || settings.num_workers > 1024)
    return error_at("num_workers", -1, "must be 0 to 1024, is ", settings.num_workers);
  if (settings.buffer_size < 1)
    return error_at("buffer_size", -1, "must be at least 1 document, is ", settings.buffer_size);
  if (tokenizer.vocab_size() > INT32_MAX)
    return error_at("tokenizer_dir", -1, "a vocabulary of ", tokenizer.vocab_size(), " does not fit tokens of 4 bytes");
  return {};
}

Json source_json(const SourceCounts& counts) {
  const auto share = [&](int64_t part, int64_t whole) {
    return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0.0;
  };
  return Json(Json::Object{{"documents", counts.documents},
                           {"characters", counts.characters},
                           {"bytes", counts.bytes},
                           {"tokens", counts.tokens},
                           {"characters_per_token", share(counts.characters, counts.tokens)},
                           {"unknown_tokens", counts.unknown},
                           {"unknown_share", share(counts.unknown, counts.tokens)}});
}

Json split_json(const SplitCounts& counts) {
  Json files = Json::array();
  for (const std::string& file : counts.files) files.push_back(file);
  return Json(Json::Object{{"documents", counts.documents},
                           {"sequences", counts.sequences},
                           {"tokens", counts.encoded},
                           {"dropped_tokens", counts.dropped},
                           {"padding_tokens", counts.padding},
                           {"cut_documents", counts.cut_documents},
                           {"files", std::move(files)}});
}

}  // namespace

Result<PackingStrategy> parse_packing_strategy(std::string_view name) {
  if (name == "greedy") return PackingStrategy::kGreedy;
  if (name == "best_fit") return PackingStrategy::kBestFit;
  return error("unknown packing strategy \"", name, "\"; it is greedy or best_fit");
}

Result<Separators> separators(const tokenizer::Tokenizer& tokenizer, bool add_bos) {
  Separators out;
  const auto first = [&](std::initializer_list<const char*> names) -> std::optional<int32_t> {
    for (const char* name : names)
      if (const auto id = tokenizer.find_special(name)) return id;
    return std::nullopt;
  };
  out.unk = tokenizer::find_unk(tokenizer);
  out.eos = tokenizer::find_end_of_text(tokenizer);
  const auto bos = first({"<s>", "<|bos|>", "<|begin_of_text|>", "<bos>", "[BOS]"});
  if (add_bos || !out.eos) out.bos = bos ? bos : tokenizer.find_bos();
  if (!out.eos && !out.bos)
    return error_at("tokenizer_dir", -1,
                    "the tokenizer has no token that ends or begins a text (</s>, <|endoftext|>, <|bos|>)");
  if (add_bos && !out.bos)
    return error_at("add_bos", -1, "the tokenizer has no token that begins a text (<s>, <|bos|>)");
  return out;
}

bool is_train_document(std::string_view id, uint64_t seed, double train_share) {
  Sha256 hash;
  hash.update(id);
  const std::array<uint8_t, 32> digest = hash.digest();
  uint64_t a = 0, b = 0;
  std::memcpy(&a, digest.data(), 8);
  std::memcpy(&b, digest.data() + 8, 8);
  const std::array<uint32_t, 4> words = philox(a, b, rng_key(seed, "split of documents"));
  const uint64_t bits = (uint64_t{words[0]} << 32 | words[1]) >> 11;
  return static_cast<double>(bits) * 0x1p-53 < train_share;
}

SourceCounts PackReport::total() const {
  SourceCounts sum;
  for (const SourceCounts& counts : sources) add(sum, counts);
  return sum;
}

Json PackReport::to_json(int64_t estimated_tokens) const {
  Json out = source_json(total());
  if (estimated_tokens > 0) {
    out["estimated_tokens"] = estimated_tokens;
    out["tokens_per_estimate"] = static_cast<double>(total().tokens) / static_cast<double>(estimated_tokens);
  }
  out["sequences"] = train.sequences + validation.sequences;
  out["dropped_tokens"] = train.dropped + validation.dropped;
  out["splits"] = Json(Json::Object{{"train", split_json(train)}, {"val", split_json(validation)}});
  Json by_source = Json::object();
  for (const SourceCounts& counts : sources) by_source[counts.source] = source_json(counts);
  out["sources"] = std::move(by_source);
  return out;
}

Result<PackReport> pack(RecordReader& records, const tokenizer::Tokenizer& tokenizer, const std::string& tokenizer_hash,
                        const PackSettings& settings, const fs::path& folder) {
  LATHE_TRY_STATUS(check(settings, tokenizer));
  LATHE_TRY(const Separators ends, separators(tokenizer, settings.add_bos));
  LATHE_TRY(const TokenizerHash hash, parse_tokenizer_hash(tokenizer_hash));
  const int64_t token_bytes = tokenizer.vocab_size() <= kLargestVocabularyOfTwoBytes ? 2 : 4;
  LATHE_TRY(PackWriter train, PackWriter::create(folder, "train", token_bytes, hash, settings));
  LATHE_TRY(PackWriter validation, PackWriter::create(folder, "val", token_bytes, hash, settings));

  const double started = Clock::real().seconds();
  std::map<std::string, SourceCounts> sources;
  OrderedWorkers<EncodedBlock> workers(
      settings.num_workers, kBlocksAhead, [&](EncodedBlock& block) { return records.next(block.records, kBlockBytes); },
      [&](EncodedBlock& block) { return encode(block, tokenizer, ends, settings, token_bytes); });
  while (true) {
    LATHE_TRY(const EncodedBlock* block, workers.next());
    if (block == nullptr) break;
    LATHE_TRY_STATUS(train.add_documents(block->sides[0].tokens, block->sides[0].lengths));
    LATHE_TRY_STATUS(validation.add_documents(block->sides[1].tokens, block->sides[1].lengths));
    for (const auto& [name, counts] : block->sources) add(sources[name], counts);
  }
  PackReport report;
  for (auto& [name, counts] : sources) {
    counts.source = name;
    report.sources.push_back(counts);
  }
  report.encode_seconds = Clock::real().seconds() - started;
  const SourceCounts total = report.total();
  if (total.documents == 0)
    return error("the corpus has no document with text; make it again (lathe corpus), or give other data");
  const int32_t padding = ends.eos ? *ends.eos : *ends.bos;
  LATHE_TRY(report.train, train.write(padding));
  LATHE_TRY(report.validation, validation.write(padding));
  report.write_seconds = Clock::real().seconds() - started - report.encode_seconds;
  LATHE_CHECK(report.train.encoded + report.validation.encoded == total.tokens,
              "tokens were lost on the way to the shards");
  if (report.train.sequences == 0)
    return error("the ", report.train.documents, " documents of the training part have ", report.train.encoded,
                 " tokens, less than one sequence of ", settings.sequence_length,
                 "; give more text or a smaller --sequence-length");
  return report;
}

}  // namespace lathe::data
