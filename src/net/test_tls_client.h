#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "net/test_certificates.h"

namespace tombo::net {

/// The client's end of TLS over a socket that belongs to somebody else. For tests.
class TestTlsClient {
 public:
  TestTlsClient() : context_(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free) {
    SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_CLIENT);
  }

  [[nodiscard]] SSL_CTX* context() const { return context_.get(); }

  /// Accepts only servers with a certificate of this authority.
  void trust(const TestAuthority& authority) {
    const std::string text = authority.certificate();
    const std::unique_ptr<BIO, decltype(&BIO_free)> memory(
        BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free);
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(
        PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr), &X509_free);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context_.get()), certificate.get());
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
  }

  void use(const TestFolder& folder, const TestIdentity& identity) {
    const std::string certificate = folder.file("client.crt", identity.certificate);
    const std::string key = folder.file("client.key", identity.key);
    SSL_CTX_use_certificate_chain_file(context_.get(), certificate.c_str());
    SSL_CTX_use_PrivateKey_file(context_.get(), key.c_str(), SSL_FILETYPE_PEM);
  }

  void only(int version) {
    SSL_CTX_set_min_proto_version(context_.get(), version);
    SSL_CTX_set_max_proto_version(context_.get(), version);
  }

  /// Begins to speak at this socket, and resumes `session` if there is one.
  void attach(int descriptor, SSL_SESSION* session = nullptr) {
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), descriptor);
    SSL_set_connect_state(ssl_.get());
    if (session != nullptr) SSL_set_session(ssl_.get(), session);
  }

  [[nodiscard]] SSL* ssl() const { return ssl_.get(); }

  /// A step of the handshake; with a blocking socket all of it.
  bool shake_hands() { return SSL_do_handshake(ssl_.get()) == 1; }

  bool send(std::string_view text) {
    return SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())) ==
           static_cast<int>(text.size());
  }

  /// What is there, or with a blocking socket what comes; "" when that is nothing.
  std::string receive(size_t most = 65536) {
    std::string text(most, '\0');
    const int count = SSL_read(ssl_.get(), text.data(), static_cast<int>(text.size()));
    text.resize(count > 0 ? static_cast<size_t>(count) : 0);
    return text;
  }

 private:
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_{nullptr, &SSL_free};
};

}  // namespace tombo::net
