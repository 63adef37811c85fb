// A file descriptor with an owner.
#pragma once

#include <string_view>
#include <utility>

#include "core/result.h"

namespace lathe::sandbox {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { reset(); }
  int get() const { return fd_; }
  void reset();

 private:
  int fd_ = -1;
};

struct Pipe {
  Descriptor read_end, write_end;
};
Result<Pipe> make_pipe();  // both close at execve

// A file in memory that holds `text`, cannot be changed, and is read from its start.
Result<Descriptor> sealed_text(std::string_view text);

Result<Descriptor> open_for_writing_only(const char* path);

}  // namespace lathe::sandbox
