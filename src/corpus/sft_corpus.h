// Conversations to a fine-tuning corpus: filters, duplicates, cutting to the row, the target, a split that keeps trees
// whole, shards and their manifest (rows L-1.43, L-1.44, L-7.8 to L-7.13; docs/formats/sft.md). All conversations are held
// in memory.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/manifest.h"
#include "corpus/sft_settings.h"
#include "tokenizer/chat_template.h"
#include "tokenizer/tokenizer.h"

namespace lathe::corpus {

inline constexpr const char* kSftKind = "sft";

struct SftConversation {
  tokenizer::Conversation conversation;
  int64_t dataset = 0;  // of SftSettings::datasets
  std::string tree;     // what the split keeps on one side, unique within the data set; empty: the conversation alone
};

// Of one data set. Each conversation read is in exactly one of the removed counts, left_out, train or val.
struct SftCounts {
  int64_t read = 0;
  int64_t prompt_length = 0, response_length = 0, urls = 0, code_blocks = 0, not_ascii = 0;  // removed by these filters
  int64_t exact_duplicates = 0, near_duplicates = 0;
  int64_t too_long = 0;  // dropped: longer than a row
  int64_t left_out = 0;  // beyond the data set's share of the target
  int64_t train = 0, val = 0;
  int64_t cut = 0, cut_turns = 0;  // of those kept: shortened, by so many pairs of turns
  int64_t train_tokens = 0, val_tokens = 0, trained_tokens = 0;  // trained: assistant's, of the train part
  SftCounts& operator+=(const SftCounts& other);
  Json to_json() const;
};

struct SftCorpus {
  std::vector<SftCounts> datasets;
  SftCounts total;
  std::vector<FileRecord> files;
};

// Writes train_00000.jsonl ..., val_00000.jsonl ... and DATA_CARD.md into `folder`, whose sub-folder "sort" it uses and
// removes. Conversations come in the order of their data sets. Errors (row L-1.44): a conversation without an answer, a
// tokenizer without the template's markers, nothing left.
Result<SftCorpus> write_sft_corpus(const SftSettings& settings, std::vector<SftConversation> conversations,
                                   const tokenizer::ChatTemplate& form, const tokenizer::Tokenizer& tokenizer,
                                   const fs::path& folder);

// kind, tokenizer, template with version, counts and outputs.
void fill_sft_manifest(const SftSettings& settings, const SftCorpus& corpus, const tokenizer::ChatTemplate& form,
                       const std::string& tokenizer_hash, Manifest& manifest);

}  // namespace lathe::corpus
