// The bytes of one accepted connection, plain or through TLS, without waiting: who has to wait is told for what.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "core/result.h"

namespace lathe::serve {

struct Transfer {
  enum class State {
    kDone,       // `bytes` were moved, at least one
    kWantRead,   // nothing was moved; again when the descriptor can be read
    kWantWrite,  // ... written
    kEnd,        // the other side has closed its direction, or the connection is broken
  };
  State state = State::kEnd;
  size_t bytes = 0;
};

// One thread. Owns the descriptor.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual int descriptor() const = 0;
  virtual bool is_tls() const = 0;
  virtual Transfer handshake() = 0;  // kDone: read() and write() may be called
  virtual Transfer read(char* to, size_t bytes) = 0;
  virtual Transfer write(const char* from, size_t bytes) = 0;
  virtual bool has_unread() const = 0;  // bytes that were taken from the descriptor already: it need not become readable for them
  virtual void end_writing() = 0;       // the other side sees the end
};

std::unique_ptr<Transport> make_plain_transport(int descriptor);

// Certificate chain and key, shared by all connections.
class TlsContext {
 public:
  static Result<std::shared_ptr<TlsContext>> load(const std::string& certificate, const std::string& key);
  virtual ~TlsContext() = default;
  virtual std::unique_ptr<Transport> accept(int descriptor) = 0;  // null: out of memory; the descriptor is closed
};

}  // namespace lathe::serve
