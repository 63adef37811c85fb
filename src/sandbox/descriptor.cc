#include "sandbox/descriptor.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace lathe::sandbox {

void Descriptor::reset() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

Result<Pipe> make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return error("cannot make a pipe: ", std::strerror(errno));
  return Pipe{Descriptor(ends[0]), Descriptor(ends[1])};
}

Result<Descriptor> sealed_text(std::string_view text) {
  Descriptor file(memfd_create("program", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (file.get() < 0) return error("cannot make a file in memory: ", std::strerror(errno));
  while (!text.empty()) {
    const ssize_t written = write(file.get(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return error("cannot write a file in memory: ", std::strerror(errno));
    text.remove_prefix(static_cast<size_t>(written));
  }
  constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  if (fcntl(file.get(), F_ADD_SEALS, kSeals) != 0 || lseek(file.get(), 0, SEEK_SET) != 0)
    return error("cannot seal a file in memory: ", std::strerror(errno));
  return file;
}

Result<Descriptor> open_for_writing_only(const char* path) {
  Descriptor file(open(path, O_WRONLY | O_CLOEXEC));
  if (file.get() < 0) return error_at(path, -1, "cannot be opened: ", std::strerror(errno));
  return file;
}

}  // namespace lathe::sandbox
