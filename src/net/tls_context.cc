#include "net/tls_context.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "net/openssl_text.h"
#include "net/tls_engine.h"
#include "net/tls_key.h"

namespace tombo::net {
namespace {

// Names of protocols as ALPN lists them. Browsers offer http/1.1 for WebSocket.
constexpr std::string_view kAlpn = "\4mqtt";
constexpr std::string_view kWebSocketAlpn = "\10http/1.1\4mqtt";
/// Key exchanges with a shared key, those with forward secrecy first.
constexpr const char* kPskCiphers = "kECDHEPSK:kDHEPSK:kPSK:!eNULL";

Error failure(std::string_view text) {
  return Error{fmt::format("{}\nError: OpenSSL says: {}.", text, take_openssl_reason())};
}

const char* c_str_or_null(const std::string& text) {
  return text.empty() ? nullptr : text.c_str();
}

/// Where the connection keeps why its peer is refused.
std::string& refusal_of(SSL* ssl) {
  return *static_cast<std::string*>(SSL_get_app_data(ssl));
}

const TlsContext& context_of(const SSL* ssl) {
  return *static_cast<const TlsContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
}

int verify(int accepted, X509_STORE_CTX* store) {
  if (accepted == 1) return 1;
  auto* ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  const X509* certificate = X509_STORE_CTX_get_current_cert(store);
  refusal_of(ssl) =
      fmt::format("certificate of the client refused: {} ({})",
                  verify_error_text(X509_STORE_CTX_get_error(store)),
                  certificate == nullptr ? std::string("no subject") : subject_of(*certificate));
  return 0;
}

// NOLINTNEXTLINE(readability-function-size): OpenSSL says what it gets.
int select_protocol(SSL* /*ssl*/, const unsigned char** chosen, unsigned char* chosen_size,
                    const unsigned char* offered, unsigned offered_size, void* names) {
  unsigned char* found = nullptr;
  const auto& known = *static_cast<const std::string_view*>(names);
  const int outcome = SSL_select_next_proto(
      &found, chosen_size, reinterpret_cast<const unsigned char*>(known.data()),
      static_cast<unsigned>(known.size()), offered, offered_size);
  // As in Mosquitto a client that offers only other names gets in, without one.
  if (outcome != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_NOACK;
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

unsigned give_psk(SSL* ssl, const char* identity, unsigned char* key, unsigned key_size_max) {
  const std::string* known = context_of(ssl).psk_key(identity);
  if (known == nullptr || known->size() > key_size_max) {
    refusal_of(ssl) = fmt::format("psk_file has no identity {}", printable(identity));
    return 0;
  }
  std::ranges::copy(*known, key);
  return static_cast<unsigned>(known->size());
}

void write_key(const SSL* ssl, const char* line) {
  context_of(ssl).log_key(line);
}

int answer_status(SSL* ssl, void* /*data*/) {
  return context_of(ssl).ocsp_staple().give_to(*ssl) ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/// OpenSSL would ask at the terminal, which a server does not have.
int refuse_password(char* /*into*/, int /*size*/, int /*writing*/, void* /*data*/) {
  return -1;
}

/// "0a1b2c3d.0" is a certificate, "0a1b2c3d.r0" a list of revoked ones, anything else nothing.
enum class Hashed : uint8_t { no, certificate, revoked };

Hashed kind_of(std::string_view name) {
  constexpr size_t kHash = 8;
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (name.size() < kHash + 2 || name[kHash] != '.') return Hashed::no;
  if (!std::ranges::all_of(name.substr(0, kHash), is_hex)) return Hashed::no;
  std::string_view number = name.substr(kHash + 1);
  const bool revoked = number.starts_with('r');
  if (revoked) number.remove_prefix(1);
  if (number.empty() || !std::ranges::all_of(number, is_digit)) return Hashed::no;
  return revoked ? Hashed::revoked : Hashed::certificate;
}

/// Reads the whole folder now: a look-up of OpenSSL's would read files during handshakes.
Result<void> load_folder(X509_LOOKUP* lookup, const std::string& folder) {
  std::error_code error;
  int certificates = 0;
  std::filesystem::directory_iterator entry(folder, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const Hashed kind = kind_of(entry->path().filename().native());
    if (kind == Hashed::no) continue;
    const char* path = entry->path().c_str();
    const int read = kind == Hashed::certificate
                         ? X509_load_cert_file(lookup, path, X509_FILETYPE_PEM)
                         : X509_load_crl_file(lookup, path, X509_FILETYPE_PEM);
    if (read <= 0) {
      return failure(
          fmt::format("Error: Unable to load CA certificates. Check capath \"{}\".", path));
    }
    if (kind == Hashed::certificate) ++certificates;
  }
  if (error) {
    return Error{
        fmt::format("Error: Unable to load CA certificates. Check capath \"{}\".\n"
                    "Error: {}.",
                    folder, error.message())};
  }
  if (certificates == 0) {
    return Error{
        fmt::format("Error: Unable to load CA certificates. Check capath \"{}\".\n"
                    "Error: No file there has a name that \"openssl rehash\" gives.",
                    folder)};
  }
  return {};
}

}  // namespace

TlsContext::TlsContext() : context_(SSL_CTX_new(TLS_server_method())) {}

TlsContext::~TlsContext() {
  SSL_CTX_free(context_);
  if (keylog_ >= 0) ::close(keylog_);
}

Result<std::shared_ptr<const TlsContext>> TlsContext::make(const TlsSettings& settings) {
  ERR_clear_error();
  std::shared_ptr<TlsContext> made(new TlsContext);
  if (made->context_ == nullptr) return failure("Error: Unable to create TLS context.");
  Result<void> done = made->set_up(settings);
  if (!done) return done.error();
  return std::shared_ptr<const TlsContext>(std::move(made));
}

Result<void> TlsContext::set_up(const TlsSettings& settings) {
  SSL_CTX_set_app_data(context_, this);
  SSL_CTX_set_min_proto_version(context_, settings.tls13_only ? TLS1_3_VERSION : TLS1_2_VERSION);
  // TLS 1.3 has keys shared beforehand, but by other rules than clients of Mosquitto know.
  if (settings.psk) SSL_CTX_set_max_proto_version(context_, TLS1_2_VERSION);
  SSL_CTX_set_options(
      context_, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context_, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_max_cert_list(context_, kClientChainBytesMax);
  SSL_CTX_set_default_passwd_cb(context_, &refuse_password);
  // OpenSSL's pointer is older than const; select_protocol() only reads.
  SSL_CTX_set_alpn_select_cb(
      context_, &select_protocol,
      const_cast<std::string_view*>(settings.websocket ? &kWebSocketAlpn : &kAlpn));
  // Sessions are in tickets that clients keep, whose keys are here: no memory and no lock.
  SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context_, 1);
  SSL_CTX_set_session_id_context(context_,
                                 reinterpret_cast<const unsigned char*>(settings.name.data()),
                                 static_cast<unsigned>(settings.name.size()));
  Result<void> done = settings.engine.empty() ? Result<void>() : use_engine(settings);
  if (done) done = set_ciphers(settings);
  if (done && settings.psk) done = set_psk(settings);
  if (done && !settings.psk) done = load_certificate(settings);
  if (done) done = load_authorities(settings);
  if (done) set_verification(settings);
  if (done && !settings.ocsp_file.empty()) done = load_ocsp_staple(settings.ocsp_file);
  if (done && !settings.keylog.empty()) done = open_keylog(settings.keylog);
  return done;
}

Result<void> TlsContext::set_ciphers(const TlsSettings& settings) {
  const char* ciphers = c_str_or_null(settings.ciphers);
  if (ciphers == nullptr && settings.psk) ciphers = kPskCiphers;
  if (ciphers != nullptr && SSL_CTX_set_cipher_list(context_, ciphers) != 1) {
    return failure(
        fmt::format("Error: Unable to set TLS ciphers. Check cipher list \"{}\".", ciphers));
  }
  if (!settings.ciphers_tls13.empty() &&
      SSL_CTX_set_ciphersuites(context_, settings.ciphers_tls13.c_str()) != 1) {
    return failure(
        fmt::format("Error: Unable to set TLS 1.3 ciphersuites. Check cipher_tls13 list \"{}\".",
                    settings.ciphers_tls13));
  }
  if (settings.dhparamfile.empty()) {
    SSL_CTX_set_dh_auto(context_, 1);
    return {};
  }
  const std::unique_ptr<BIO, decltype(&BIO_free)> file(
      BIO_new_file(settings.dhparamfile.c_str(), "r"), &BIO_free);
  EVP_PKEY* parameters = file == nullptr ? nullptr : PEM_read_bio_Parameters(file.get(), nullptr);
  if (parameters == nullptr || SSL_CTX_set0_tmp_dh_pkey(context_, parameters) != 1) {
    EVP_PKEY_free(parameters);
    return failure(fmt::format("Error loading dhparamfile \"{}\".", settings.dhparamfile));
  }
  return {};
}

Result<void> TlsContext::load_certificate(const TlsSettings& settings) {
  if (SSL_CTX_use_certificate_chain_file(context_, settings.certfile.c_str()) != 1) {
    return failure(fmt::format("Error: Unable to load server certificate \"{}\". Check certfile.",
                               settings.certfile));
  }
  const Result<PrivateKey> key = load_private_key(settings);
  if (!key) return key.error();
  if (SSL_CTX_use_PrivateKey(context_, key->get()) != 1) {
    return failure(fmt::format("Error: Unable to load server key file \"{}\". Check keyfile.",
                               settings.keyfile));
  }
  if (SSL_CTX_check_private_key(context_) != 1) {
    return failure(fmt::format(
        "Error: Server certificate/key are inconsistent. Check certfile \"{}\" and keyfile \"{}\".",
        settings.certfile, settings.keyfile));
  }
  return {};
}

Result<void> TlsContext::load_authorities(const TlsSettings& settings) {
  if (!settings.cafile.empty() &&
      SSL_CTX_load_verify_file(context_, settings.cafile.c_str()) != 1) {
    return failure(fmt::format("Error: Unable to load CA certificates. Check cafile \"{}\".",
                               settings.cafile));
  }
  X509_STORE* store = SSL_CTX_get_cert_store(context_);
  X509_LOOKUP* lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
  if (lookup == nullptr) return failure("Error: Unable to create TLS context.");
  if (!settings.capath.empty()) {
    Result<void> loaded = load_folder(lookup, settings.capath);
    if (!loaded) return loaded;
  }
  if (settings.crlfile.empty()) return {};
  if (X509_load_crl_file(lookup, settings.crlfile.c_str(), X509_FILETYPE_PEM) < 1) {
    return failure(
        fmt::format("Error: Unable to load certificate revocation file \"{}\". Check crlfile.",
                    settings.crlfile));
  }
  X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
  return {};
}

void TlsContext::set_verification(const TlsSettings& settings) {
  if (settings.disable_client_cert_date_checks) {
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context_), X509_V_FLAG_NO_CHECK_TIME);
  }
  const int mode = settings.require_certificate ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
                                                : SSL_VERIFY_NONE;
  SSL_CTX_set_verify(context_, mode, &verify);
}

Result<void> TlsContext::set_psk(const TlsSettings& settings) {
  psk_keys_ = settings.psk_keys;
  SSL_CTX_set_psk_server_callback(context_, &give_psk);
  if (SSL_CTX_use_psk_identity_hint(context_, settings.psk_hint.c_str()) != 1) {
    return failure(fmt::format("Error: Unable to set psk_hint \"{}\".", settings.psk_hint));
  }
  return {};
}

const std::string* TlsContext::psk_key(std::string_view identity) const {
  const auto found = psk_keys_.find(identity);
  return found == psk_keys_.end() ? nullptr : &found->second;
}

Result<void> TlsContext::load_ocsp_staple(const std::string& path) {
  Result<OcspStaple> staple = OcspStaple::load(path, *context_);
  if (!staple) return staple.error();
  ocsp_staple_ = std::move(*staple);
  SSL_CTX_set_tlsext_status_cb(context_, &answer_status);
  return {};
}

Result<void> TlsContext::open_keylog(const std::string& path) {
  keylog_ = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (keylog_ < 0) {
    return Error{
        fmt::format("Error: Unable to open TLS key log \"{}\": {}.", path, std::strerror(errno))};
  }
  SSL_CTX_set_keylog_callback(context_, &write_key);
  return {};
}

void TlsContext::log_key(std::string_view line) const {
  std::string whole(line);
  whole += '\n';
  // One call a line, so that those of several threads do not mix. A full disk only costs the line.
  [[maybe_unused]] const ssize_t written = ::write(keylog_, whole.data(), whole.size());
}

}  // namespace tombo::net
