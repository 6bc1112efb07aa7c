#include "client/tls_stream.h"

#include <array>
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "net/tls_context.h"
#include "net/tls_engine.h"
#include "net/tls_key.h"

namespace tombo::client {
namespace {

using Kind = Stream::Moved::Kind;

struct Free {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }

  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

using Context = std::unique_ptr<SSL_CTX, Free>;
using Connection = std::unique_ptr<SSL, Free>;

/// What a context keeps beside what OpenSSL keeps itself.
struct Secrets {
  std::vector<uint8_t> psk;
  std::string psk_identity;
  std::string key_log;
};

/// Of the files and options of this end.
Error setup_error(std::string text) {
  return {.kind = ErrorKind::invalid_argument, .text = std::move(text)};
}

Error tls_error(std::string text) {
  return {.kind = ErrorKind::tls, .text = std::move(text)};
}

/// With what OpenSSL says of it.
std::string with_reason(const std::string& what) {
  std::array<char, 256> text{};
  const unsigned long code = ERR_get_error();
  if (code == 0) return what;
  ERR_error_string_n(code, text.data(), text.size());
  ERR_clear_error();
  return what + ": " + text.data();
}

std::optional<std::vector<uint8_t>> from_hex(std::string_view text) {
  long size = 0;
  uint8_t* bytes = OPENSSL_hexstr2buf(std::string(text).c_str(), &size);
  if (bytes == nullptr) return std::nullopt;
  std::vector<uint8_t> found(bytes, bytes + size);
  OPENSSL_free(bytes);
  return found;
}

const Secrets& secrets_of(const SSL* ssl) {
  return *static_cast<const Secrets*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
}

// OpenSSL's signature.
// NOLINTNEXTLINE(readability-function-size)
unsigned int give_psk(SSL* ssl, const char* /*hint*/, char* identity, unsigned int identity_size,
                      uint8_t* key, unsigned int key_size) {
  const Secrets& secrets = secrets_of(ssl);
  if (secrets.psk_identity.size() >= identity_size || secrets.psk.size() > key_size) return 0;
  std::snprintf(identity, identity_size, "%s", secrets.psk_identity.c_str());
  std::ranges::copy(secrets.psk, key);
  return static_cast<unsigned int>(secrets.psk.size());
}

void log_key(const SSL* ssl, const char* line) {
  std::ofstream(secrets_of(ssl).key_log, std::ios::app) << line << '\n';
}

int versions_of(std::string_view word) {
  if (word == "tlsv1.3") return TLS1_3_VERSION;
  if (word == "tlsv1.2") return TLS1_2_VERSION;
  if (word == "tlsv1.1") return TLS1_1_VERSION;
  return 0;
}

/// Makes a context step by step; the first thing that is wrong is kept.
class ContextMaker {
 public:
  explicit ContextMaker(const TlsOptions& options)
      : options_(options), context_(SSL_CTX_new(TLS_client_method())) {}

  Context make(Secrets& secrets, Error& error) {
    SSL_CTX_set_app_data(context_.get(), &secrets);
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_2_VERSION);
    SSL_CTX_set_mode(context_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                         SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                         SSL_MODE_RELEASE_BUFFERS);
    for (const auto step : {&ContextMaker::set_versions, &ContextMaker::trust,
                            &ContextMaker::set_certificate, &ContextMaker::set_key}) {
      if (error = (this->*step)(); error) return nullptr;
    }
    if (error = set_psk(secrets); error) return nullptr;
    if (!options_.key_log.empty()) {
      secrets.key_log = options_.key_log;
      SSL_CTX_set_keylog_callback(context_.get(), &log_key);
    }
    return std::move(context_);
  }

 private:
  Error set_versions() {
    if (!options_.version.empty()) {
      const int version = versions_of(options_.version);
      if (version == 0) return setup_error("Unknown TLS version " + options_.version);
      SSL_CTX_set_min_proto_version(context_.get(), version);
      SSL_CTX_set_max_proto_version(context_.get(), version);
    }
    if (!options_.ciphers.empty() &&
        SSL_CTX_set_cipher_list(context_.get(), options_.ciphers.c_str()) != 1) {
      return setup_error(
          with_reason("Unable to set TLS ciphers. Check cipher list \"" + options_.ciphers + "\""));
    }
    if (options_.alpn.empty()) return {};
    const std::string wire = static_cast<char>(options_.alpn.size()) + options_.alpn;
    SSL_CTX_set_alpn_protos(context_.get(), reinterpret_cast<const uint8_t*>(wire.data()),
                            static_cast<unsigned int>(wire.size()));
    return {};
  }

  Error trust() {
    if (options_.system_cas && SSL_CTX_set_default_verify_paths(context_.get()) != 1) {
      return setup_error(with_reason("Unable to load the CA certificates of the system"));
    }
    const char* file = options_.ca_file.empty() ? nullptr : options_.ca_file.c_str();
    const char* folder = options_.ca_folder.empty() ? nullptr : options_.ca_folder.c_str();
    if (file == nullptr && folder == nullptr) return {};
    if (SSL_CTX_load_verify_locations(context_.get(), file, folder) == 1) return {};
    return setup_error(with_reason("Unable to load CA certificates, check cafile \"" +
                                   options_.ca_file + "\" and capath \"" + options_.ca_folder +
                                   "\""));
  }

  Error set_certificate() {
    if (options_.certificate_file.empty()) return {};
    if (SSL_CTX_use_certificate_chain_file(context_.get(), options_.certificate_file.c_str()) ==
        1) {
      return {};
    }
    return setup_error(
        with_reason("Unable to load client certificate \"" + options_.certificate_file + "\""));
  }

  Error set_key() {
    if (options_.key_file.empty()) return {};
    if (options_.key_form == "engine") {
      if (Error wrong = set_engine_key()) return wrong;
    } else if (SSL_CTX_use_PrivateKey_file(context_.get(), options_.key_file.c_str(),
                                           SSL_FILETYPE_PEM) != 1) {
      return setup_error(
          with_reason("Unable to load client key file \"" + options_.key_file + "\""));
    }
    if (SSL_CTX_check_private_key(context_.get()) == 1) return {};
    return setup_error(with_reason("Client certificate/key are inconsistent"));
  }

  Error set_engine_key() {
    net::TlsSettings settings;
    settings.engine = options_.engine;
    settings.engine_pin_sha1 = options_.engine_password_sha1;
    settings.keyfile = options_.key_file;
    if (const Result<void> used = net::use_engine(settings); !used) {
      return setup_error(used.error().text);
    }
    net::PassphraseQuestion question{settings};
    const Result<net::PrivateKey> key = net::load_engine_key(settings, question);
    if (!key) return setup_error(key.error().text);
    if (*key && SSL_CTX_use_PrivateKey(context_.get(), key->get()) == 1) return {};
    return setup_error(
        with_reason("Unable to load the key \"" + options_.key_file + "\" of the engine"));
  }

  Error set_psk(Secrets& secrets) {
    if (options_.psk.empty()) return {};
    std::optional<std::vector<uint8_t>> key = from_hex(options_.psk);
    if (!key || key->empty()) return setup_error("The PSK is not hexadecimal");
    secrets.psk = std::move(*key);
    secrets.psk_identity = options_.psk_identity;
    SSL_CTX_set_psk_client_callback(context_.get(), &give_psk);
    return {};
  }

  const TlsOptions& options_;
  Context context_;
};

/// TLS over the socket of a stream.
class TlsStream final : public Stream {
 public:
  TlsStream(std::unique_ptr<Stream> below, std::unique_ptr<Secrets> secrets, Context context)
      : below_(std::move(below)),
        secrets_(std::move(secrets)),
        context_(std::move(context)),
        ssl_(SSL_new(context_.get())) {
    SSL_set_fd(ssl_.get(), below_->descriptor());
    SSL_set_connect_state(ssl_.get());
  }

  Error shake_hands(const Target& target, const Patience& patience) {
    const TlsOptions& options = *target.tls;
    SSL_set_tlsext_host_name(ssl_.get(), target.host.c_str());
    const bool checks = !options.any_certificate && options.psk.empty();
    SSL_set_verify(ssl_.get(), checks ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
    if (checks && !options.any_host_name) check_host(target.host);
    for (;;) {
      ERR_clear_error();
      const int result = SSL_do_handshake(ssl_.get());
      if (result == 1) return {};
      const int why = SSL_get_error(ssl_.get(), result);
      if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) return why_refused(why);
      if (Error failed = patience.wait(descriptor(), why == SSL_ERROR_WANT_WRITE)) return failed;
    }
  }

  [[nodiscard]] int descriptor() const override { return below_->descriptor(); }

  [[nodiscard]] bool has_read_ahead() const override { return SSL_pending(ssl_.get()) > 0; }

  [[nodiscard]] Moved read(std::span<uint8_t> into) override {
    ERR_clear_error();
    size_t count = 0;
    const int result = SSL_read_ex(ssl_.get(), into.data(), into.size(), &count);
    return result == 1 ? Moved{Kind::done, count, {}} : failed(result);
  }

  [[nodiscard]] Moved write(std::span<const uint8_t> bytes) override {
    ERR_clear_error();
    size_t count = 0;
    const int result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &count);
    return result == 1 ? Moved{Kind::done, count, {}} : failed(result);
  }

 private:
  void check_host(const std::string& host) {
    X509_VERIFY_PARAM* parameters = SSL_get0_param(ssl_.get());
    if (X509_VERIFY_PARAM_set1_ip_asc(parameters, host.c_str()) == 1) return;
    X509_VERIFY_PARAM_set1_host(parameters, host.c_str(), host.size());
  }

  Error why_refused(int why) {
    const long verified = SSL_get_verify_result(ssl_.get());
    if (verified != X509_V_OK) return tls_error(X509_verify_cert_error_string(verified));
    if (why == SSL_ERROR_SYSCALL || why == SSL_ERROR_ZERO_RETURN) {
      return tls_error("the broker ends the handshake");
    }
    return tls_error(with_reason("the handshake failed"));
  }

  Moved failed(int result) {
    switch (SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ:
      case SSL_ERROR_WANT_WRITE:
        return {Kind::blocked, 0, {}};
      case SSL_ERROR_ZERO_RETURN:
      case SSL_ERROR_SYSCALL:
        return {Kind::ended, 0, {}};
      default:
        return {Kind::failed, 0, tls_error(with_reason("TLS"))};
    }
  }

  std::unique_ptr<Stream> below_;
  std::unique_ptr<Secrets> secrets_;
  Context context_;
  Connection ssl_;
};

}  // namespace

Opened open_tls(std::unique_ptr<Stream> below, const Target& target, const Patience& patience) {
  Opened opened;
  auto secrets = std::make_unique<Secrets>();
  Context context = ContextMaker(*target.tls).make(*secrets, opened.error);
  if (opened.error) return opened;
  auto stream =
      std::make_unique<TlsStream>(std::move(below), std::move(secrets), std::move(context));
  opened.error = stream->shake_hands(target, patience);
  if (!opened.error) opened.stream = std::move(stream);
  return opened;
}

}  // namespace tombo::client
