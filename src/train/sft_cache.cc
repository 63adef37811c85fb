#include "train/sft_cache.h"

#include <bit>
#include <cstring>
#include <optional>

#include "core/log.h"
#include "core/parallel.h"
#include "core/sha256.h"
#include "data/line_reader.h"
#include "tokenizer/conversation.h"

namespace lathe::train {
namespace {

static_assert(std::endian::native == std::endian::little, "the cache's numbers are little-endian");

constexpr std::string_view kMagic = "latheSFT";
constexpr uint32_t kVersion = 1;
constexpr size_t kHash = 64;  // hexadecimal digits
constexpr size_t kHeader = kMagic.size() + 8 + kHash + 16;

template <class T>
void append(std::string& out, const T* values, size_t count) {
  out.append(reinterpret_cast<const char*>(values), count * sizeof(T));
}

struct Line {
  std::string text;
  size_t file;
  int64_t number;
};

Result<std::vector<Line>> read_lines(const std::vector<fs::path>& files) {
  std::vector<Line> lines;
  for (size_t i = 0; i < files.size(); ++i) {
    LATHE_TRY(const auto reader, data::LineReader::open(files[i]));
    std::string_view line;
    while (true) {
      LATHE_TRY(const bool more, reader->next(line));
      if (!more) break;
      if (!trim_text(line).empty()) lines.push_back({std::string(line), i, reader->line_number()});
    }
  }
  return lines;
}

Result<tokenizer::Rendered> format_line(const std::string& text, const tokenizer::ChatTemplate& form,
                                        const tokenizer::Tokenizer& tokenizer, tokenizer::LossOn loss_on) {
  LATHE_TRY(const Json json, parse_json(text));
  LATHE_TRY(const tokenizer::Conversation conversation, tokenizer::conversation_from_json(json));
  return form.render(tokenizer, conversation, loss_on);
}

}  // namespace

Result<std::shared_ptr<const FormattedConversations>> FormattedConversations::open(const Request& request,
                                                                                  const tokenizer::Tokenizer& tokenizer) {
  LATHE_TRY_STATUS(request.form.check(tokenizer));
  const std::string key = sha256_hex(join_text("lathe sft cache ", kVersion, '\n', request.data_sha256, '\n',
                                               request.form.name(), ' ', request.form.version(), '\n', tokenizer.hash(), '\n',
                                               request.loss_on == tokenizer::LossOn::kAssistant ? "assistant" : "all"));
  auto out = std::make_shared<FormattedConversations>();
  if (!request.cache.empty()) {
    out->cache_file_ = request.cache / (key.substr(0, 24) + ".sft");
    std::error_code code;
    if (fs::exists(out->cache_file_, code)) {
      const Status status = out->read(out->cache_file_, key);
      if (status.ok()) return std::shared_ptr<const FormattedConversations>(std::move(out));
      log_warning("sft", status.error().to_string(), "; the conversations are formatted anew");
    }
  }
  LATHE_TRY(const std::vector<Line> lines, read_lines(request.files));
  std::vector<std::vector<uint32_t>> words(lines.size());
  std::vector<std::optional<Error>> errors(lines.size());
  parallel_for(static_cast<int64_t>(lines.size()), 64, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto at = static_cast<size_t>(i);
      Result<tokenizer::Rendered> rendered = format_line(lines[at].text, request.form, tokenizer, request.loss_on);
      if (!rendered.ok()) {
        errors[at] = error_at(request.files[lines[at].file].string(), -1, "line ", lines[at].number, ": ", rendered.error().to_string());
        continue;
      }
      const tokenizer::Rendered& r = rendered.value();
      words[at].reserve(r.ids.size());
      for (size_t t = 0; t < r.ids.size(); ++t)
        words[at].push_back(static_cast<uint32_t>(r.ids[t]) | (r.mask[t] ? ~kIdBits : 0u));
    }
  });
  out->starts_.assign(1, 0), out->words_.clear();
  for (size_t i = 0; i < lines.size(); ++i) {
    if (errors[i]) return *errors[i];
    out->words_.insert(out->words_.end(), words[i].begin(), words[i].end());
    out->starts_.push_back(static_cast<int64_t>(out->words_.size()));
  }
  // A run goes on without its cache: the next one formats again.
  if (!request.cache.empty())
    if (const Status written = write_file_atomic(out->cache_file_, out->bytes(key)); !written.ok())
      log_warning("sft", "no cache: ", written.error().to_string());
  return std::shared_ptr<const FormattedConversations>(std::move(out));
}

std::string FormattedConversations::bytes(const std::string& key) const {
  std::string out(kMagic);
  const uint32_t head[] = {kVersion, 0};
  const auto counts = std::to_array<uint64_t>({static_cast<uint64_t>(size()), words_.size()});
  append(out, head, 2);
  out += key;
  append(out, counts.data(), 2);
  append(out, starts_.data(), starts_.size());
  append(out, words_.data(), words_.size());
  return out + sha256_hex(out);
}

Status FormattedConversations::read(const fs::path& file, const std::string& key) {
  LATHE_TRY(const std::string bytes, read_file(file));
  const auto damaged = [&](const char* what) { return error_at(file.string(), -1, "is no whole cache of these conversations (", what, ")"); };
  if (bytes.size() < kHeader + 8 + kHash || !bytes.starts_with(kMagic)) return damaged("too short, or another kind of file");
  const std::string_view body = std::string_view(bytes).substr(0, bytes.size() - kHash);
  uint32_t version = 0;
  std::memcpy(&version, bytes.data() + kMagic.size(), 4);
  if (version != kVersion) return damaged("another version");
  if (body.substr(kMagic.size() + 8, kHash) != key) return damaged("another key");
  if (bytes.compare(body.size(), kHash, sha256_hex(body)) != 0) return damaged("its SHA-256 differs");
  uint64_t counts[2];
  std::memcpy(counts, body.data() + kHeader - 16, 16);
  const uint64_t room = body.size() - kHeader;
  if (counts[0] >= room / 8 || (counts[0] + 1) * 8 + counts[1] * 4 != room || counts[1] > room / 4) return damaged("its counts do not fit its size");
  starts_.resize(counts[0] + 1), words_.resize(counts[1]);
  std::memcpy(starts_.data(), body.data() + kHeader, starts_.size() * 8);
  if (!words_.empty()) std::memcpy(words_.data(), body.data() + kHeader + starts_.size() * 8, words_.size() * 4);
  bool rising = starts_.front() == 0 && starts_.back() == static_cast<int64_t>(words_.size());
  for (size_t i = 1; i < starts_.size(); ++i) rising = rising && starts_[i] >= starts_[i - 1];
  if (!rising) return damaged("its table of starts falls");
  from_cache_ = true;
  return {};
}

}  // namespace lathe::train
