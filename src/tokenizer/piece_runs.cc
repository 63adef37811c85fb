#include "tokenizer/piece_runs.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <queue>
#include <utility>

namespace lathe::tokenizer {
namespace {

constexpr size_t kWriteBuffer = 1 << 20;
constexpr size_t kHead = 4 + 8;  // length of the piece, weight; then the piece

Status write_all(int file, const std::string& buffer, const fs::path& folder) {
  for (size_t done = 0; done < buffer.size();) {
    const ssize_t n = ::write(file, buffer.data() + done, buffer.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      return error_at(folder.string(), -1, "cannot write counted pieces: ", std::strerror(errno),
                      "; make room there, or give more memory (--memory)");
    done += static_cast<size_t>(n);
  }
  return {};
}

// Reads the entries of one run one after the other.
class RunReader {
 public:
  RunReader(const PieceRuns::Run& run, size_t buffer) : run_(run), buffer_(buffer) {}

  std::string_view piece() const { return {buffer_.data() + at_ + kHead, length()}; }
  int64_t weight() const {
    int64_t weight = 0;
    std::memcpy(&weight, buffer_.data() + at_ + 4, sizeof weight);
    return weight;
  }
  // The next entry; false at the end.
  Result<bool> next() {
    if (started_) at_ += kHead + length();
    started_ = true;
    if (at_ == filled_ && run_.begin == run_.end) return false;
    LATHE_TRY_STATUS(need(kHead));
    LATHE_TRY_STATUS(need(kHead + length()));
    return true;
  }

 private:
  uint32_t length() const {
    uint32_t length = 0;
    std::memcpy(&length, buffer_.data() + at_, sizeof length);
    return length;
  }
  Status need(size_t bytes) {
    if (filled_ - at_ >= bytes) return {};
    std::memmove(buffer_.data(), buffer_.data() + at_, filled_ - at_);
    filled_ -= std::exchange(at_, 0);
    if (buffer_.size() < bytes) buffer_.resize(bytes);
    while (filled_ < bytes) {
      const size_t room = std::min(buffer_.size() - filled_, static_cast<size_t>(run_.end - run_.begin));
      const ssize_t n = ::pread(run_.file, buffer_.data() + filled_, room, run_.begin);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return error("cannot read counted pieces back: ", n < 0 ? std::strerror(errno) : "the file is cut short");
      filled_ += static_cast<size_t>(n);
      run_.begin += n;
    }
    return {};
  }

  PieceRuns::Run run_;
  std::vector<char> buffer_;
  size_t at_ = 0, filled_ = 0;
  bool started_ = false;
};

}  // namespace

PieceRuns::PieceRuns(PieceRuns&& other) noexcept
    : folder_(std::move(other.folder_)),
      file_(std::exchange(other.file_, -1)),
      bytes_(other.bytes_),
      runs_(std::move(other.runs_)) {}

PieceRuns::~PieceRuns() {
  if (file_ >= 0) ::close(file_);
}

Status PieceRuns::open() {
  if (file_ >= 0) return {};
  file_ = ::open(folder_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file_ >= 0) return {};
  std::string name = (folder_ / ".pieces-XXXXXX").string();  // not every file system has files without a name
  file_ = ::mkostemp(name.data(), O_CLOEXEC);
  if (file_ < 0) return error_at(folder_.string(), -1, "cannot make a temporary file: ", std::strerror(errno));
  ::unlink(name.c_str());
  return {};
}

Status PieceRuns::write(std::vector<PieceTable::Entry> entries) {
  LATHE_TRY_STATUS(open());
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.piece < b.piece; });
  const int64_t begin = bytes_;
  std::string buffer;
  buffer.reserve(kWriteBuffer);
  const auto flush = [&]() -> Status {
    LATHE_TRY_STATUS(write_all(file_, buffer, folder_));
    bytes_ += static_cast<int64_t>(buffer.size());
    buffer.clear();
    return {};
  };
  for (const PieceTable::Entry& entry : entries) {
    const auto length = static_cast<uint32_t>(entry.piece.size());
    buffer.append(reinterpret_cast<const char*>(&length), sizeof length);
    buffer.append(reinterpret_cast<const char*>(&entry.weight), sizeof entry.weight);
    buffer.append(entry.piece);
    if (buffer.size() >= kWriteBuffer) LATHE_TRY_STATUS(flush());
  }
  LATHE_TRY_STATUS(flush());
  runs_.push_back({file_, begin, bytes_});
  return {};
}

Result<WeightedPieces> merge_runs(std::span<const PieceRuns::Run> runs, int64_t memory) {
  const auto share = static_cast<size_t>(memory) / std::max<size_t>(runs.size(), 1);
  std::vector<RunReader> readers;
  readers.reserve(runs.size());
  const auto later = [&](size_t a, size_t b) { return readers[a].piece() > readers[b].piece(); };
  std::priority_queue<size_t, std::vector<size_t>, decltype(later)> order(later);
  for (const PieceRuns::Run& run : runs) {
    readers.emplace_back(run, std::clamp<size_t>(share, 4096, 1 << 18));
    LATHE_TRY(const bool more, readers.back().next());
    if (more) order.push(readers.size() - 1);
  }
  WeightedPieces merged;
  while (!order.empty()) {
    const size_t first = order.top();
    order.pop();
    RunReader& reader = readers[first];
    if (merged.size() > 0 && merged.at(merged.size() - 1) == reader.piece()) {
      merged.weights.back() += reader.weight();
    } else {
      merged.add(reader.piece(), reader.weight());
    }
    LATHE_TRY(const bool more, reader.next());
    if (more) order.push(first);
  }
  return merged;
}

}  // namespace lathe::tokenizer
