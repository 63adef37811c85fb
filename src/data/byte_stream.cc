#include "data/byte_stream.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace lathe::data {
namespace {

constexpr size_t kInputBytes = size_t{1} << 17;
constexpr const char* kGetAgain = "; get the file again, or remove it from the folder";

class PlainStream : public ByteStream {
 public:
  PlainStream(fs::path path, int fd) : path_(std::move(path)), fd_(fd) {}
  ~PlainStream() override { ::close(fd_); }
  PlainStream(const PlainStream&) = delete;
  PlainStream& operator=(const PlainStream&) = delete;
  Result<size_t> read(char* buffer, size_t bytes) override {
    while (true) {
      const ssize_t got = ::read(fd_, buffer, bytes);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return error_at(path_.string(), offset_, "cannot read: ", std::strerror(errno));
      offset_ += got;
      return static_cast<size_t>(got);
    }
  }
  int64_t offset() const { return offset_; }  // bytes handed out
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
  int fd_;
  int64_t offset_ = 0;
};

// The compressed bytes that a decoder has not used yet.
class Input {
 public:
  explicit Input(std::unique_ptr<PlainStream> file) : file_(std::move(file)), bytes_(kInputBytes) {}
  Status refill() {
    LATHE_TRY(end_, file_->read(bytes_.data(), bytes_.size()));
    begin_ = 0;
    return {};
  }
  const char* data() const { return bytes_.data() + begin_; }
  size_t size() const { return end_ - begin_; }
  void use(size_t bytes) { begin_ += bytes; }
  bool empty_file() const { return file_->offset() == 0; }  // after refill(): even nothing has a header once compressed
  Error damaged(const char* kind, const char* why) const {
    return error_at(file_->path().string(), file_->offset() - static_cast<int64_t>(size()), kind, why, kGetAgain);
  }
  Error truncated(const char* kind) const {
    return error_at(file_->path().string(), file_->offset(), kind, "the file is cut short", kGetAgain);
  }

 private:
  std::unique_ptr<PlainStream> file_;
  std::vector<char> bytes_;
  size_t begin_ = 0, end_ = 0;
};

class GzipStream : public ByteStream {
 public:
  explicit GzipStream(std::unique_ptr<PlainStream> file) : input_(std::move(file)) {}
  ~GzipStream() override {
    if (ready_) inflateEnd(&state_);
  }
  GzipStream(const GzipStream&) = delete;
  GzipStream& operator=(const GzipStream&) = delete;

  Result<size_t> read(char* buffer, size_t bytes) override {
    constexpr int kGzipFormat = 15 + 16;
    if (!ready_) {
      if (inflateInit2(&state_, kGzipFormat) != Z_OK) return error("gzip: out of memory");
      ready_ = true;
    }
    size_t done = 0;
    while (done == 0) {
      if (input_.size() == 0) {
        LATHE_TRY_STATUS(input_.refill());
        if (input_.size() == 0) {
          if (inside_member_ || input_.empty_file()) return input_.truncated("gzip: ");
          return size_t{0};
        }
      }
      if (!inside_member_) {
        inflateReset(&state_);
        inside_member_ = true;
      }
      state_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input_.data()));
      state_.avail_in = static_cast<uInt>(input_.size());
      const size_t room = std::min(bytes, size_t{1} << 30);
      state_.next_out = reinterpret_cast<Bytef*>(buffer);
      state_.avail_out = static_cast<uInt>(room);
      const int code = inflate(&state_, Z_NO_FLUSH);
      input_.use(input_.size() - state_.avail_in);
      done = room - state_.avail_out;
      if (code == Z_STREAM_END)
        inside_member_ = false;
      else if (code != Z_OK && code != Z_BUF_ERROR)
        return input_.damaged("gzip: ", state_.msg ? state_.msg : "damaged data");
    }
    return done;
  }

 private:
  Input input_;
  z_stream state_{};
  bool ready_ = false, inside_member_ = false;
};

class ZstdStream : public ByteStream {
 public:
  explicit ZstdStream(std::unique_ptr<PlainStream> file) : input_(std::move(file)), state_(ZSTD_createDStream()) {}

  Result<size_t> read(char* buffer, size_t bytes) override {
    if (!state_) return error("zstd: out of memory");
    ZSTD_outBuffer out{buffer, bytes, 0};
    while (out.pos == 0) {
      if (input_.size() == 0 && !more_output_) {
        LATHE_TRY_STATUS(input_.refill());
        if (input_.size() == 0) {
          if (inside_frame_ || input_.empty_file()) return input_.truncated("zstd: ");
          return size_t{0};
        }
      }
      ZSTD_inBuffer in{input_.data(), input_.size(), 0};
      const size_t code = ZSTD_decompressStream(state_.get(), &out, &in);
      input_.use(in.pos);
      if (ZSTD_isError(code)) return input_.damaged("zstd: ", ZSTD_getErrorName(code));
      inside_frame_ = code != 0;
      more_output_ = out.pos == out.size;  // the decoder may hold more than the buffer took
    }
    return out.pos;
  }

 private:
  struct Free {
    void operator()(ZSTD_DStream* state) const { ZSTD_freeDStream(state); }
  };
  Input input_;
  std::unique_ptr<ZSTD_DStream, Free> state_;
  bool inside_frame_ = false, more_output_ = false;
};

}  // namespace

Result<std::unique_ptr<ByteStream>> ByteStream::open(const fs::path& path) {
  std::error_code code;
  if (fs::is_directory(path, code)) return error_at(path.string(), -1, "is a folder, a file is needed");
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return error_at(path.string(), -1, "cannot open: ", std::strerror(errno));
  auto file = std::make_unique<PlainStream>(path, fd);
  const std::string name = path.filename().string();
  if (name.ends_with(".gz")) return std::unique_ptr<ByteStream>(std::make_unique<GzipStream>(std::move(file)));
  if (name.ends_with(".zst")) return std::unique_ptr<ByteStream>(std::make_unique<ZstdStream>(std::move(file)));
  return std::unique_ptr<ByteStream>(std::move(file));
}

}  // namespace lathe::data
