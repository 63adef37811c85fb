#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "serve/transport.h"

namespace lathe::serve {
namespace {

std::string reason() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* text = ERR_reason_error_string(code);
  return text ? text : "unknown error";
}

// OpenSSL's own socket BIO writes without MSG_NOSIGNAL: a client that leaves would end the process.
int descriptor_of(BIO* bio) { return static_cast<int>(reinterpret_cast<intptr_t>(BIO_get_data(bio))); }

int bio_write(BIO* bio, const char* from, int bytes) {
  BIO_clear_retry_flags(bio);
  const ssize_t sent = ::send(descriptor_of(bio), from, static_cast<size_t>(bytes), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

int bio_read(BIO* bio, char* to, int bytes) {
  BIO_clear_retry_flags(bio);
  const ssize_t got = ::recv(descriptor_of(bio), to, static_cast<size_t>(bytes), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) BIO_set_retry_read(bio);
  return static_cast<int>(got);
}

long bio_control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

const BIO_METHOD* bio_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "lathe socket");
    BIO_meth_set_write(made, bio_write);
    BIO_meth_set_read(made, bio_read);
    BIO_meth_set_ctrl(made, bio_control);
    return made;
  }();
  return method;
}

class TlsTransport : public Transport {
 public:
  TlsTransport(int descriptor, SSL* ssl) : descriptor_(descriptor), ssl_(ssl) {}
  ~TlsTransport() override {
    SSL_free(ssl_);
    ::close(descriptor_);
  }
  int descriptor() const override { return descriptor_; }
  bool is_tls() const override { return true; }
  bool has_unread() const override { return SSL_has_pending(ssl_) == 1; }

  Transfer handshake() override {
    ERR_clear_error();
    const int code = SSL_do_handshake(ssl_);
    return code == 1 ? Transfer{Transfer::State::kDone, 0} : blocked(code);
  }
  Transfer read(char* to, size_t bytes) override {
    size_t moved = 0;
    ERR_clear_error();
    const int code = SSL_read_ex(ssl_, to, bytes, &moved);
    return code == 1 ? Transfer{Transfer::State::kDone, moved} : blocked(code);
  }
  Transfer write(const char* from, size_t bytes) override {
    size_t moved = 0;
    ERR_clear_error();
    const int code = SSL_write_ex(ssl_, from, bytes, &moved);
    return code == 1 ? Transfer{Transfer::State::kDone, moved} : blocked(code);
  }
  void end_writing() override {
    ERR_clear_error();
    if (!broken_) SSL_shutdown(ssl_);
    ::shutdown(descriptor_, SHUT_WR);
  }

 private:
  Transfer blocked(int code) {
    const int kind = SSL_get_error(ssl_, code);
    ERR_clear_error();
    if (kind == SSL_ERROR_WANT_READ) return {Transfer::State::kWantRead, 0};
    if (kind == SSL_ERROR_WANT_WRITE) return {Transfer::State::kWantWrite, 0};
    broken_ = kind != SSL_ERROR_ZERO_RETURN;
    return {Transfer::State::kEnd, 0};
  }
  const int descriptor_;
  SSL* const ssl_;
  bool broken_ = false;
};

class OpenSslContext : public TlsContext {
 public:
  OpenSslContext() : context_(SSL_CTX_new(TLS_server_method())) {}
  ~OpenSslContext() override { SSL_CTX_free(context_); }

  Status load(const std::string& certificate, const std::string& key) {
    ERR_clear_error();
    if (!context_) return error("cannot set up TLS: ", reason());
    SSL_CTX_set_min_proto_version(context_, TLS1_2_VERSION);
    SSL_CTX_set_options(context_, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    // Buffers of idle connections are given back; a write that was cut short may go on from another address.
    SSL_CTX_set_mode(context_, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_default_passwd_cb(context_, [](char*, int, int, void*) { return 0; });  // never asks at the terminal
    SSL_CTX_set_alpn_select_cb(context_, choose_protocol, nullptr);
    if (SSL_CTX_use_certificate_chain_file(context_, certificate.c_str()) != 1)
      return error_at(certificate, -1, "cannot read the certificate (", reason(), "); it must be a PEM file, the server's certificate first");
    if (SSL_CTX_use_PrivateKey_file(context_, key.c_str(), SSL_FILETYPE_PEM) != 1)
      return error_at(key, -1, "cannot use the key (", reason(), "); it must be the PEM file of the certificate's private key, without a passphrase");
    if (SSL_CTX_check_private_key(context_) != 1)
      return error_at(key, -1, "is not the key of the certificate ", certificate, " (", reason(), ")");
    return {};
  }

  std::unique_ptr<Transport> accept(int descriptor) override {
    SSL* ssl = SSL_new(context_);
    BIO* bio = ssl ? BIO_new(bio_method()) : nullptr;
    if (!bio) {
      SSL_free(ssl);
      ::close(descriptor);
      return nullptr;
    }
    BIO_set_data(bio, reinterpret_cast<void*>(static_cast<intptr_t>(descriptor)));
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_accept_state(ssl);
    return std::make_unique<TlsTransport>(descriptor, ssl);
  }

 private:
  // "http/1.1" of what the client offers; a client that offers others only is told so by the protocol.
  static int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_bytes, const unsigned char* in, unsigned int in_bytes, void*) {
    static constexpr unsigned char kOurs[] = "\x08http/1.1";
    unsigned char* chosen = nullptr;
    if (SSL_select_next_proto(&chosen, out_bytes, kOurs, sizeof kOurs - 1, in, in_bytes) != OPENSSL_NPN_NEGOTIATED)
      return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
  }
  SSL_CTX* const context_;
};

}  // namespace

Result<std::shared_ptr<TlsContext>> TlsContext::load(const std::string& certificate, const std::string& key) {
  auto context = std::make_shared<OpenSslContext>();
  LATHE_TRY_STATUS(context->load(certificate, key));
  return std::shared_ptr<TlsContext>(std::move(context));
}

}  // namespace lathe::serve
