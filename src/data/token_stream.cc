#include "data/token_stream.h"

#include <cstring>

#include "core/check.h"
#include "core/json.h"
#include "core/log.h"
#include "core/sha256.h"

namespace lathe::data {
namespace {

constexpr int64_t kVersion = 1;

// What tokens.bin was made from, and what it must look like.
struct Meta {
  int64_t token_bytes = 2, tokens = 0, vocab_size = 0, data_bytes = 0;
  std::string tokenizer_hash, data_sha256, tokens_sha256;

  Json to_json() const {
    return Json(Json::Object{{"version", kVersion},
                             {"token_bytes", token_bytes},
                             {"tokens", tokens},
                             {"vocab_size", vocab_size},
                             {"tokenizer_sha256", tokenizer_hash},
                             {"data_bytes", data_bytes},
                             {"data_sha256", data_sha256},
                             {"tokens_sha256", tokens_sha256}});
  }
};

// Why the stored stream cannot be used; empty when it can. `meta` gets its number of tokens.
std::string why_stale(const fs::path& folder, Meta& meta) {
  std::error_code code;
  if (!fs::exists(folder / kTokensMetaFile, code)) return "there is none";
  const Result<Json> stored = read_json(folder / kTokensMetaFile);
  if (!stored.ok()) return stored.error().message;
  const Json& json = stored.value();
  Meta wanted = meta;
  wanted.tokens = json.get_int("tokens", -1);
  wanted.tokens_sha256 = json.get_string("tokens_sha256", "");
  const Json expected = wanted.to_json();
  for (const auto& [key, value] : expected.as_object()) {
    const Json* now = json.find(key);
    if (now == nullptr || *now != value)
      return join_text("its ", key, " is ", now == nullptr ? "missing" : now->dump(), ", not ", value.dump());
  }
  const auto bytes = fs::file_size(folder / kTokensFile, code);
  int64_t needed = 0;
  if (wanted.tokens < 0 || __builtin_mul_overflow(wanted.tokens, wanted.token_bytes, &needed))
    return join_text("it claims ", wanted.tokens, " tokens");
  if (code || static_cast<int64_t>(bytes) != needed) return join_text("it should have ", needed, " bytes");
  const Result<std::string> hash = sha256_file(folder / kTokensFile);
  if (!hash.ok()) return hash.error().message;
  if (hash.value() != wanted.tokens_sha256) return "its bytes were changed";
  meta = wanted;
  return "";
}

Status write_tokens(const fs::path& path, const std::vector<int32_t>& ids, int64_t token_bytes) {
  LATHE_TRY(AtomicFileWriter writer, AtomicFileWriter::open(path));
  if (token_bytes == 4) {
    LATHE_TRY_STATUS(writer.write(ids.data(), 4 * ids.size()));
    return writer.commit();
  }
  for (const int32_t id : ids) {
    const auto token = static_cast<uint16_t>(id);
    LATHE_TRY_STATUS(writer.write(&token, sizeof token));
  }
  return writer.commit();
}

}  // namespace

TokenStream TokenStream::in_memory(std::vector<int32_t> ids) {
  TokenStream stream;
  stream.size_ = std::ssize(ids);
  stream.memory_ = std::make_shared<const std::vector<int32_t>>(std::move(ids));
  return stream;
}

Result<TokenStream> TokenStream::memory_mapped(const fs::path& folder, const Source& source, bool resume) {
  Meta meta;
  meta.token_bytes = source.vocab_size <= 65536 ? 2 : 4;
  meta.vocab_size = source.vocab_size;
  meta.tokenizer_hash = source.tokenizer_hash;
  LATHE_TRY(meta.data_sha256, sha256_file(source.data));
  std::error_code code;
  meta.data_bytes = static_cast<int64_t>(fs::file_size(source.data, code));
  if (const std::string why = why_stale(folder, meta); !why.empty()) {
    const std::string path = (folder / kTokensFile).string();
    if (resume)
      return error_at(path, -1, "is not what the run was started with (", why, "); put ", source.data.string(),
                      " and the tokenizer back, or start a new run");
    if (fs::exists(folder / kTokensMetaFile, code)) log_info("data", path, " is built anew: ", why);
    LATHE_TRY(const std::string text, read_file(source.data));
    LATHE_TRY(const std::vector<int32_t> ids, source.encode(text));
    for (const int32_t id : ids)
      LATHE_CHECK(id >= 0 && id < source.vocab_size, "token ", id, " of a vocabulary of ", source.vocab_size);
    meta.tokens = std::ssize(ids);
    fs::remove(folder / kTokensMetaFile, code);  // so that a crash leaves no record of other tokens
    LATHE_TRY_STATUS(make_folders(folder));
    LATHE_TRY_STATUS(write_tokens(folder / kTokensFile, ids, meta.token_bytes));
    LATHE_TRY(meta.tokens_sha256, sha256_file(folder / kTokensFile));
    LATHE_TRY_STATUS(write_json_atomic(folder / kTokensMetaFile, meta.to_json()));
  }
  TokenStream stream;
  LATHE_TRY(stream.map_, MappedFile::open(folder / kTokensFile));
  stream.size_ = meta.tokens;
  stream.token_bytes_ = meta.token_bytes;
  return stream;
}

void TokenStream::read(int64_t first, std::span<int32_t> ids) const {
  const auto count = static_cast<int64_t>(ids.size());
  require(first >= 0 && count <= size_ && first <= size_ - count, "[token_stream] tokens ", first, " to ",
          first + count, " of ", size_);
  if (memory_ != nullptr) {
    std::memcpy(ids.data(), memory_->data() + first, 4 * ids.size());
    return;
  }
  const std::byte* from = map_.data() + first * token_bytes_;
  if (token_bytes_ == 4) {
    std::memcpy(ids.data(), from, 4 * ids.size());
    return;
  }
  const auto* tokens = reinterpret_cast<const uint16_t*>(from);
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = tokens[i];
}

}  // namespace lathe::data
