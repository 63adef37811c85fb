#include "data/foreign_tokens.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "core/check.h"
#include "core/parallel.h"

namespace lathe::data {
namespace {

constexpr int32_t kLlmCMagic = 20240520, kLlmCWideMagic = 20240801;
constexpr int32_t kLlmCVersion = 1, kLlmCWideVersion = 7;
constexpr int64_t kLlmCHeaderBytes = 256 * 4;
constexpr char kMegatronMagic[9] = {'M', 'M', 'I', 'D', 'I', 'D', 'X', 0, 0};
constexpr int64_t kMegatronHeaderBytes = 9 + 8 + 1 + 8 + 8;
constexpr uint8_t kMegatronInt32 = 4, kMegatronUint16 = 8;

template <class T>
T value_at(const MappedFile& file, int64_t offset) {
  T value;
  std::memcpy(&value, file.data() + offset, sizeof(T));
  return value;
}

fs::path index_of(fs::path bin) { return bin.replace_extension(".idx"); }

bool begins_with(const MappedFile& file, const char* magic, size_t bytes) {
  return file.size() >= static_cast<int64_t>(bytes) && std::memcmp(file.data(), magic, bytes) == 0;
}

// Where the tokens stand, once the header was checked.
struct Layout {
  int64_t offset = 0;
  int64_t token_bytes = 2;
  int64_t tokens = 0;
  std::vector<uint64_t> starts;  // of documents, in tokens
};

class TokenFile : public SequenceSet {
 public:
  TokenFile(std::string name, MappedFile map, Layout layout, int64_t sequence_length)
      : name_(std::move(name)), map_(std::move(map)), layout_(std::move(layout)), sequence_length_(sequence_length) {}

  const std::string& name() const override { return name_; }
  int64_t size() const override { return std::max<int64_t>(0, (layout_.tokens - 1) / sequence_length_); }
  int64_t sequence_length() const override { return sequence_length_; }
  void read(int64_t index, std::span<int32_t> ids) const override {
    require(index >= 0 && index < size() && std::ssize(ids) == sequence_length_ + 1, "[token_file] sequence ", index,
            " of ", size(), " into ", ids.size());
    const std::byte* from = map_.data() + layout_.offset + index * sequence_length_ * layout_.token_bytes;
    if (layout_.token_bytes == 4) {
      std::memcpy(ids.data(), from, 4 * ids.size());
      return;
    }
    for (size_t i = 0; i < ids.size(); ++i) {
      uint16_t token = 0;
      std::memcpy(&token, from + 2 * i, 2);
      ids[i] = token;
    }
  }
  void document_starts(int64_t index, std::vector<int32_t>& positions) const override {
    const auto begin = static_cast<uint64_t>(index * sequence_length_),
               end = begin + static_cast<uint64_t>(sequence_length_);
    const auto& starts = layout_.starts;
    for (auto it = std::lower_bound(starts.begin(), starts.end(), begin); it != starts.end() && *it < end; ++it)
      positions.push_back(static_cast<int32_t>(*it - begin));
  }

 private:
  std::string name_;
  MappedFile map_;
  Layout layout_;
  int64_t sequence_length_;
};

Result<Layout> llm_c_layout(const MappedFile& file, const std::string& path) {
  if (file.size() < kLlmCHeaderBytes)
    return error_at(path, file.size(), "is cut short: llm.c's header has ", kLlmCHeaderBytes, " bytes");
  const bool wide = value_at<int32_t>(file, 0) == kLlmCWideMagic;
  const auto version = value_at<int32_t>(file, 4), wanted = wide ? kLlmCWideVersion : kLlmCVersion;
  if (version != wanted)
    return error_at(path, 4, "has version ", version, " of llm.c's token files, this program reads ", wanted);
  Layout layout{kLlmCHeaderBytes, wide ? 4 : 2, value_at<int32_t>(file, 8), {}};
  const int64_t expected = kLlmCHeaderBytes + layout.tokens * layout.token_bytes;
  if (layout.tokens < 0) return error_at(path, 8, "claims ", layout.tokens, " tokens");
  if (file.size() != expected)
    return error_at(path, std::min(file.size(), expected), file.size() < expected ? "is cut short" : "is too long",
                    ": its header says ", layout.tokens, " tokens, which makes ", expected, " bytes, it has ",
                    file.size());
  return layout;
}

// The sequences must follow each other in the .bin without gaps, as Megatron's tools write them.
Result<Layout> megatron_layout(const MappedFile& bin, const std::string& bin_path, const MappedFile& idx,
                               const std::string& idx_path) {
  if (idx.size() < kMegatronHeaderBytes)
    return error_at(idx_path, idx.size(), "is cut short: Megatron's header has ", kMegatronHeaderBytes, " bytes");
  if (const auto version = value_at<uint64_t>(idx, 9); version != 1)
    return error_at(idx_path, 9, "has version ", version, " of Megatron's index, this program reads 1");
  const auto code = value_at<uint8_t>(idx, 17);
  if (code != kMegatronInt32 && code != kMegatronUint16)
    return error_at(idx_path, 17, "has tokens of type ", int{code}, "; 4 (int32) and 8 (uint16) are known");
  const auto sequences = value_at<uint64_t>(idx, 18), documents = value_at<uint64_t>(idx, 26);
  const auto rest = static_cast<uint64_t>(idx.size() - kMegatronHeaderBytes);
  // No product is formed before both counts are known to fit the file. One more byte a sequence: its mode.
  if (sequences > rest / 12 || documents > rest / 8)
    return error_at(idx_path, 18, "claims ", sequences, " sequences and ", documents,
                    " documents, more than it has room for");
  const uint64_t needed = 12 * sequences + 8 * documents;
  if (rest != needed && rest != needed + sequences)
    return error_at(idx_path, static_cast<int64_t>(std::min<uint64_t>(rest, needed)) + kMegatronHeaderBytes,
                    rest < needed ? "is cut short" : "is too long", ": ", sequences, " sequences and ", documents,
                    " documents take ", needed, " bytes, there are ", rest);
  Layout layout{0, code == kMegatronUint16 ? 2 : 4, 0, {}};
  const int64_t lengths = kMegatronHeaderBytes, pointers = lengths + static_cast<int64_t>(4 * sequences),
                borders = pointers + static_cast<int64_t>(8 * sequences);
  std::vector<uint64_t> firsts;  // token at which each sequence begins
  firsts.reserve(sequences + 1);
  for (int64_t i = 0; i < static_cast<int64_t>(sequences); ++i) {
    const auto length = value_at<int32_t>(idx, lengths + 4 * i);
    if (length < 0) return error_at(idx_path, lengths + 4 * i, "sequence ", i, " has ", length, " tokens");
    if (value_at<int64_t>(idx, pointers + 8 * i) != layout.tokens * layout.token_bytes)
      return error_at(idx_path, pointers + 8 * i, "sequence ", i,
                      " does not begin where the one before ends; such files cannot be read in a row");
    firsts.push_back(static_cast<uint64_t>(layout.tokens));
    layout.tokens += length;
  }
  firsts.push_back(static_cast<uint64_t>(layout.tokens));
  if (bin.size() != layout.tokens * layout.token_bytes)
    return error_at(bin_path, std::min(bin.size(), layout.tokens * layout.token_bytes), "has ", bin.size(),
                    " bytes, its index says ", layout.tokens * layout.token_bytes);
  for (int64_t i = 0; i < static_cast<int64_t>(documents); ++i) {
    const auto sequence = value_at<int64_t>(idx, borders + 8 * i);
    if (sequence < 0 || sequence > static_cast<int64_t>(sequences))
      return error_at(idx_path, borders + 8 * i, "document ", i, " begins with sequence ", sequence, " of ", sequences);
    const uint64_t first = firsts[static_cast<size_t>(sequence)];
    if (!layout.starts.empty() && first < layout.starts.back())
      return error_at(idx_path, borders + 8 * i, "document ", i, " begins before the one before it");
    if (first < static_cast<uint64_t>(layout.tokens) && (layout.starts.empty() || first > layout.starts.back()))
      layout.starts.push_back(first);
  }
  return layout;
}

// The first token that the vocabulary does not have, -1: none.
int64_t first_foreign_token(const MappedFile& file, const Layout& layout, int64_t vocab_size) {
  constexpr int64_t kGrain = 1 << 16;
  std::atomic<int64_t> first{INT64_MAX};
  parallel_for(layout.tokens, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t at = layout.offset + i * layout.token_bytes;
      const int64_t token =
          layout.token_bytes == 2 ? int64_t{value_at<uint16_t>(file, at)} : int64_t{value_at<int32_t>(file, at)};
      if (token >= 0 && token < vocab_size) continue;
      for (int64_t seen = first.load(); i < seen && !first.compare_exchange_weak(seen, i);) {
      }
      return;
    }
  });
  return first == INT64_MAX ? -1 : first.load();
}

}  // namespace

Result<TokenFileKind> token_file_kind(const fs::path& bin) {
  std::error_code code;
  if (fs::exists(index_of(bin), code)) {
    LATHE_TRY(const MappedFile idx, MappedFile::open(index_of(bin)));
    if (begins_with(idx, kMegatronMagic, sizeof kMegatronMagic)) return TokenFileKind::kMegatron;
    return error_at(index_of(bin).string(), 0, "is not Megatron's index (it does not begin with MMIDIDX)",
                    begins_with(idx, "LATHEPK", 7) ? "; it is a shard of lathe pack: give its folder" : "");
  }
  LATHE_TRY(const MappedFile file, MappedFile::open(bin));
  if (file.size() >= 4 && (value_at<int32_t>(file, 0) == kLlmCMagic || value_at<int32_t>(file, 0) == kLlmCWideMagic))
    return TokenFileKind::kLlmC;
  if (file.size() % 2 != 0)
    return error_at(bin.string(), file.size(), "has an odd number of bytes, so it is no file of uint16 tokens");
  return TokenFileKind::kNanoGpt;
}

Result<std::shared_ptr<const SequenceSet>> open_foreign_tokens(const fs::path& bin, int64_t sequence_length,
                                                               int64_t vocab_size) {
  require(sequence_length > 0 && vocab_size > 0, "[foreign_tokens] sequences of ", sequence_length,
          " tokens of a vocabulary of ", vocab_size);
  LATHE_TRY(const TokenFileKind kind, token_file_kind(bin));
  LATHE_TRY(MappedFile file, MappedFile::open(bin));
  const std::string path = bin.string();
  Layout layout{0, 2, file.size() / 2, {}};
  if (kind == TokenFileKind::kLlmC) {
    LATHE_TRY(layout, llm_c_layout(file, path));
  }
  if (kind == TokenFileKind::kMegatron) {
    LATHE_TRY(const MappedFile idx, MappedFile::open(index_of(bin)));
    LATHE_TRY(layout, megatron_layout(file, path, idx, index_of(bin).string()));
  }
  if (const int64_t bad = first_foreign_token(file, layout, vocab_size); bad >= 0)
    return error_at(path, layout.offset + bad * layout.token_bytes, "token ", bad, " is not in the vocabulary of ",
                    vocab_size, "; the file is of another tokenizer");
  if (layout.tokens <= sequence_length)
    return error_at(path, -1, "has ", layout.tokens, " tokens, one sequence needs ", sequence_length + 1,
                    "; take a smaller --max-seq-len");
  return std::shared_ptr<const SequenceSet>(
      std::make_shared<TokenFile>(path, std::move(file), std::move(layout), sequence_length));
}

}  // namespace lathe::data
