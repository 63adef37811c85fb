#include "data/line_reader.h"

#include <cstring>

namespace lathe::data {
namespace {
constexpr size_t kFirstBuffer = size_t{1} << 18;
constexpr size_t kLongestLine = size_t{1} << 30;
}  // namespace

Result<std::unique_ptr<LineReader>> LineReader::open(const fs::path& path) {
  LATHE_TRY(auto stream, ByteStream::open(path));
  std::unique_ptr<LineReader> reader(new LineReader(path, std::move(stream)));
  reader->buffer_.resize(kFirstBuffer);
  while (reader->end_ < 3 && !reader->at_end_) LATHE_TRY_STATUS(reader->read_more());
  const std::string_view head(reader->buffer_.data(), reader->end_);
  if (head.starts_with("\xEF\xBB\xBF")) reader->begin_ = 3;
  if (head.starts_with("\xFF\xFE") || head.starts_with("\xFE\xFF"))
    return error_at(path.string(), 0, "is UTF-16, not UTF-8; convert it first: iconv -f UTF-16 -t UTF-8");
  return reader;
}

Status LineReader::read_more() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == buffer_.size()) {
    if (buffer_.size() >= kLongestLine)
      return error_at(path_.string(), -1, "line ", line_number_ + 1,
                      ": longer than 1 GiB; split it into several lines");
    buffer_.resize(buffer_.size() * 2);
  }
  LATHE_TRY(const size_t got, stream_->read(buffer_.data() + end_, buffer_.size() - end_));
  end_ += got;
  at_end_ = got == 0;
  return {};
}

Result<bool> LineReader::next(std::string_view& line) {
  size_t searched = 0;  // bytes from begin_ that hold no line end
  while (true) {
    const char* start = buffer_.data() + begin_;
    const size_t available = end_ - begin_;
    const void* found = available > searched ? std::memchr(start + searched, '\n', available - searched) : nullptr;
    if (found == nullptr && !at_end_) {
      searched = available;
      LATHE_TRY_STATUS(read_more());
      continue;
    }
    if (found == nullptr && available == 0) return false;
    const size_t length = found ? static_cast<size_t>(static_cast<const char*>(found) - start) : available;
    line = std::string_view(start, length);
    if (found && line.ends_with('\r')) line.remove_suffix(1);
    begin_ += length + (found ? 1 : 0);
    ++line_number_;
    return true;
  }
}

}  // namespace lathe::data
