// Training of SentencePiece models through the SentencePiece library (rows L-3.1 to L-3.5, L-3.11 to L-3.13).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/result.h"
#include "tokenizer/sentence_sample.h"
#include "tokenizer/spm_model.h"

namespace lathe::tokenizer {

// The defaults keep every character of a text (row L-3.13).
struct SpmSettings {
  int64_t vocab_size = 32768;
  std::string model_type = "unigram";  // or "bpe"
  double character_coverage = 0.9995;
  std::string normalization_rule = "identity";  // nfkc, nmt_nfkc, nfkc_cf, nmt_nfkc_cf
  bool remove_extra_whitespaces = false;
  bool add_dummy_prefix = false;
  bool byte_fallback = true;
  bool split_digits = true;
  bool shuffle_input_sentence = true;
  int64_t max_training_sentences = 10'000'000;
  int64_t max_training_bytes = 128 << 20;  // of text held at once; training needs about 30 times as much memory
  int64_t max_sentence_length = 32768;     // bytes
  int64_t seed_sentencepiece_size = 1'000'000;
  int64_t num_threads = 8;  // another value gives another model: never the machine's (row L-3.5)
  int64_t unk_id = 0, bos_id = 1, eos_id = 2, pad_id = 3;
  std::string unk_piece = "<unk>", bos_piece = "<s>", eos_piece = "</s>", pad_piece = "<pad>";
  std::vector<std::string> control_symbols;       // never found in text
  std::vector<std::string> user_defined_symbols = {"\n", "\t"};  // always one piece
};

// <|im_start|>, <|im_end|>, the chat family's role and tool markers, and `reserved` spare slots "<|reserved_0|>"... (row L-3.12).
std::vector<std::string> chat_control_symbols(int64_t reserved = 16);

SampleLimits sample_limits(const SpmSettings& settings);

// Same sentences and settings: the same bytes, on any machine with the same library. The library's errors (a vocabulary
// that the text cannot fill) come back as they are; its progress lines are silenced as far as it allows. Checked before
// it returns: the size, that every special symbol is there with its id and its type.
Result<std::shared_ptr<const SpmModel>> train_spm(const SpmSettings& settings, const std::vector<std::string>& sentences);

}  // namespace lathe::tokenizer
