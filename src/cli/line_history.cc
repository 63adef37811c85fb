#include "cli/line_history.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/text.h"

namespace lathe::cli {
namespace {

constexpr size_t kLongestEntry = 64 << 10;
constexpr int64_t kLargestFile = 64 << 20;

std::string escaped(std::string_view text) {
  std::string line;
  for (const char c : text) {
    if (c == '\\') line += "\\\\";
    else if (c == '\n') line += "\\n";
    else line += c;
  }
  return line + "\n";
}

std::string unescaped(std::string_view line) {
  std::string text;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] != '\\' || i + 1 == line.size()) text += line[i];
    else text += line[++i] == 'n' ? '\n' : line[i];
  }
  return text;
}

Status write_private(const fs::path& path, std::string_view bytes, int flags) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
  if (fd < 0) return error_at(path.string(), -1, "cannot be written: ", std::strerror(errno));
  const bool is_private = fchmod(fd, 0600) == 0;
  const bool written = is_private && ::write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
  const int problem = errno;
  ::close(fd);
  if (!written) return error_at(path.string(), -1, "cannot be written: ", std::strerror(problem));
  return {};
}

}  // namespace

Status LineHistory::rewrite() const {
  std::string all;
  for (const std::string& entry : entries_) all += escaped(entry);
  const fs::path next = path_.string() + ".new";
  LATHE_TRY_STATUS(write_private(next, all, O_TRUNC));
  std::error_code code;
  fs::rename(next, path_, code);
  if (code) return error_at(path_.string(), -1, "cannot be replaced: ", code.message());
  return {};
}

Status LineHistory::open(const fs::path& path) {
  std::error_code code;
  if (fs::exists(path, code)) {
    if (!fs::is_regular_file(path, code) || static_cast<int64_t>(fs::file_size(path, code)) > kLargestFile)
      return error_at(path.string(), -1, "is no history of texts; move it away");
    LATHE_TRY(const std::string bytes, read_file(path));
    const std::string text = repair_utf8(bytes);
    for (const std::string& line : split_text(text, '\n'))
      if (!line.empty()) entries_.push_back(unescaped(line));
  }
  path_ = path;
  const bool shorten = entries_.size() > 2 * most_;
  if (entries_.size() > most_) entries_.erase(entries_.begin(), entries_.end() - static_cast<std::ptrdiff_t>(most_));
  return shorten ? rewrite() : Status();
}

Status LineHistory::add(const std::string& text) {
  if (text.empty() || text.size() > kLongestEntry || (!entries_.empty() && entries_.back() == text)) return {};
  entries_.push_back(text);
  if (entries_.size() > most_) entries_.erase(entries_.begin());
  if (path_.empty()) return {};
  return write_private(path_, escaped(text), O_APPEND);
}

}  // namespace lathe::cli
