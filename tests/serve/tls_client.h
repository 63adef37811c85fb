// A self-signed certificate and a client that speaks TLS, both by OpenSSL alone.
#pragma once

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cstdio>
#include <string>
#include <string_view>

#include "tests/serve/raw_client.h"

namespace lathe::serve::testing {

// Writes PATH.crt and PATH.key; returns whether that went well.
inline bool make_certificate(const std::string& path) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_set_pubkey(certificate, key);
  bool done = X509_sign(certificate, key, EVP_sha256()) > 0;
  std::FILE* out = std::fopen((path + ".crt").c_str(), "w");
  done = done && out && PEM_write_X509(out, certificate) == 1;
  if (out) std::fclose(out);
  out = std::fopen((path + ".key").c_str(), "w");
  done = done && out && PEM_write_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr) == 1;
  if (out) std::fclose(out);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return done;
}

class TlsClient {
 public:
  // highest: 0, or TLS1_1_VERSION and the like.
  explicit TlsClient(int port, int highest = 0, std::string_view protocols = {}) : raw_(port), context_(SSL_CTX_new(TLS_client_method())) {
    if (highest != 0) {
      SSL_CTX_set_min_proto_version(context_, 0);
      SSL_CTX_set_max_proto_version(context_, highest);
      SSL_CTX_set_cipher_list(context_, "ALL:@SECLEVEL=0");
    }
    if (!protocols.empty())
      SSL_CTX_set_alpn_protos(context_, reinterpret_cast<const unsigned char*>(protocols.data()), static_cast<unsigned>(protocols.size()));
    ssl_ = SSL_new(context_);
    SSL_set_fd(ssl_, raw_.descriptor());
    connected_ = SSL_connect(ssl_) == 1;
    ERR_clear_error();
  }
  ~TlsClient() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }
  TlsClient(const TlsClient&) = delete;
  bool connected() const { return connected_; }
  std::string version() const { return SSL_get_version(ssl_); }
  bool send(std::string_view bytes) { return SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) > 0; }
  // Reads until `text` is there or nothing more comes.
  std::string read_until(std::string_view text) {
    std::string out;
    char bytes[16384];
    while (out.find(text) == std::string::npos) {
      const int got = SSL_read(ssl_, bytes, sizeof bytes);
      if (got <= 0) break;
      out.append(bytes, static_cast<size_t>(got));
    }
    return out;
  }

 private:
  RawClient raw_;
  SSL_CTX* context_;
  SSL* ssl_ = nullptr;
  bool connected_ = false;
};

}  // namespace lathe::serve::testing
