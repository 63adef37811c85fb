#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "serve/transport.h"

namespace lathe::serve {
namespace {

class PlainTransport : public Transport {
 public:
  explicit PlainTransport(int descriptor) : descriptor_(descriptor) {}
  ~PlainTransport() override { ::close(descriptor_); }
  int descriptor() const override { return descriptor_; }
  bool is_tls() const override { return false; }
  Transfer handshake() override { return {Transfer::State::kDone, 0}; }
  bool has_unread() const override { return false; }
  void end_writing() override { ::shutdown(descriptor_, SHUT_WR); }

  Transfer read(char* to, size_t bytes) override {
    return result(::recv(descriptor_, to, bytes, MSG_DONTWAIT), Transfer::State::kWantRead);
  }
  Transfer write(const char* from, size_t bytes) override {
    return result(::send(descriptor_, from, bytes, MSG_DONTWAIT | MSG_NOSIGNAL), Transfer::State::kWantWrite);
  }

 private:
  static Transfer result(ssize_t moved, Transfer::State when_blocked) {
    if (moved > 0) return {Transfer::State::kDone, static_cast<size_t>(moved)};
    if (moved < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return {when_blocked, 0};
    return {Transfer::State::kEnd, 0};
  }
  const int descriptor_;
};

}  // namespace

std::unique_ptr<Transport> make_plain_transport(int descriptor) { return std::make_unique<PlainTransport>(descriptor); }

}  // namespace lathe::serve
