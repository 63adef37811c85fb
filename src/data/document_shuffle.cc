#include "data/document_shuffle.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <deque>
#include <limits>
#include <memory>

#include "core/check.h"
#include "data/document_file.h"
#include "data/numpy_permutation.h"

namespace lathe::data {
namespace {

constexpr int64_t kMostBuckets = 256;
constexpr int64_t kTextPerPackedByte = 5;  // of compressed sources; a wrong guess costs memory, not correctness
constexpr size_t kFileBuffer = size_t{1} << 16;

struct Header {
  int64_t position = 0;
  int64_t bytes = 0;
};

// The documents of one stretch of the new order, in the order they were read.
class Bucket {
 public:
  explicit Bucket(fs::path path) : path_(std::move(path)), file_(std::fopen(path_.c_str(), "wb+"), std::fclose) {
    if (file_) std::setvbuf(file_.get(), nullptr, _IOFBF, kFileBuffer);
  }
  Bucket(Bucket&&) = default;
  ~Bucket() {
    std::error_code code;
    if (file_) fs::remove(path_, code);
  }

  Status add(int64_t position, std::string_view text) {
    if (!file_) return failed("make");
    const Header header{position, static_cast<int64_t>(text.size())};
    if (std::fwrite(&header, sizeof header, 1, file_.get()) != 1 || std::fwrite(text.data(), 1, text.size(), file_.get()) != text.size()) return failed("write");
    bytes_ += sizeof header + text.size();
    return {};
  }

  Status give(const std::function<Status(std::string_view text)>& take) {
    if (!file_) return failed("make");
    std::string content(bytes_, '\0');
    if (std::fflush(file_.get()) != 0 || std::fseek(file_.get(), 0, SEEK_SET) != 0) return failed("write");
    if (std::fread(content.data(), 1, content.size(), file_.get()) != content.size()) return failed("read");
    std::vector<std::pair<int64_t, size_t>> starts;
    for (size_t at = 0; at < content.size();) {
      const Header header = header_at(content, at);
      starts.emplace_back(header.position, at);
      at += sizeof header + static_cast<size_t>(header.bytes);
    }
    std::sort(starts.begin(), starts.end());
    for (const auto& [position, at] : starts) {
      const Header header = header_at(content, at);
      LATHE_TRY_STATUS(take(std::string_view(content).substr(at + sizeof header, static_cast<size_t>(header.bytes))));
    }
    return {};
  }

 private:
  static Header header_at(const std::string& content, size_t at) {
    Header header;
    std::memcpy(&header, content.data() + at, sizeof header);
    return header;
  }
  Error failed(const char* what) const {
    return error_at(path_.string(), -1, "cannot ", what, ": ", std::strerror(errno), errno == ENOSPC ? "; shuffling takes as much room as the text itself" : "");
  }

  fs::path path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
  size_t bytes_ = 0;
};

Status read_documents(const std::vector<fs::path>& files, const std::function<Status(std::string_view text)>& take) {
  std::vector<std::string> texts;
  for (const fs::path& path : files) {
    LATHE_TRY(const auto file, open_document_file(path));
    for (int64_t group = 0;; ++group) {
      LATHE_TRY(const bool more, file->read_group(group, texts));
      if (!more) break;
      for (const std::string& text : texts) LATHE_TRY_STATUS(take(text));
    }
  }
  return {};
}

int64_t bucket_count(const DocumentShuffle& what) {
  int64_t bytes = 0;
  std::error_code code;
  for (const fs::path& file : what.files) {
    const auto size = fs::file_size(file, code);
    const bool packed = file.extension() != ".txt" && file.extension() != ".jsonl";
    if (!code) bytes += static_cast<int64_t>(size) * (packed ? kTextPerPackedByte : 1);
  }
  return std::clamp<int64_t>(bytes / what.memory_bytes + 1, 1, kMostBuckets);
}

}  // namespace

Result<int64_t> count_documents(const std::vector<fs::path>& files) {
  int64_t documents = 0;
  for (const fs::path& path : files) {
    LATHE_TRY(const auto file, open_document_file(path));
    LATHE_TRY(const DocumentFileSize size, file->measure());
    documents += size.documents;
  }
  return documents;
}

Status shuffle_documents(const DocumentShuffle& what, int64_t documents, const std::function<Status(int64_t done)>& read,
                         const std::function<Status(std::string_view text)>& take) {
  require(what.memory_bytes > 0, "[shuffle_documents] memory_bytes must be positive");
  require(documents < std::numeric_limits<uint32_t>::max(), "[shuffle_documents] at most 2^32 - 2 documents, got ", documents);
  int64_t done = 0;
  const auto count = [&]() -> Status {
    if (++done > documents) return error("the files hold more documents than were counted; they changed meanwhile");
    return read ? read(done) : Status();
  };
  const auto check_end = [&]() -> Status {
    if (done == documents) return {};
    return error("the files hold ", done, " documents, ", documents, " rows were counted: rows without text (null) cannot be shuffled");
  };
  if (!what.shuffle) {
    LATHE_TRY_STATUS(read_documents(what.files, [&](std::string_view text) -> Status {
      LATHE_TRY_STATUS(count());
      return take(text);
    }));
    return check_end();
  }

  std::vector<uint32_t> place(static_cast<size_t>(documents));
  {
    const std::vector<int64_t> order = numpy_permutation(what.seed, documents);
    for (size_t k = 0; k < order.size(); ++k) place[static_cast<size_t>(order[k])] = static_cast<uint32_t>(k);
  }
  const int64_t stretch = std::max<int64_t>(1, (documents + bucket_count(what) - 1) / bucket_count(what));
  std::deque<Bucket> buckets;
  for (int64_t begin = 0; begin < documents; begin += stretch) buckets.emplace_back(what.spill_folder / join_text("shuffle_", begin, ".tmp"));
  LATHE_TRY_STATUS(read_documents(what.files, [&](std::string_view text) -> Status {
    LATHE_TRY_STATUS(count());
    const int64_t position = place[static_cast<size_t>(done - 1)];
    return buckets[static_cast<size_t>(position / stretch)].add(position, text);
  }));
  LATHE_TRY_STATUS(check_end());
  std::vector<uint32_t>().swap(place);
  for (; !buckets.empty(); buckets.pop_front()) LATHE_TRY_STATUS(buckets.front().give(take));
  return {};
}

}  // namespace lathe::data
