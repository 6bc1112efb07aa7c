// Before the headers: the functions below are deprecated, see tls_engine.h.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "net/tls_engine.h"

#include <memory>

#include <fmt/core.h>
#include <openssl/crypto.h>
#include <openssl/engine.h>
#include <openssl/ui.h>

#include "net/openssl_text.h"

namespace tombo::net {
namespace {

/// Command of engines that take the hash of the PIN instead of the PIN.
constexpr long kSecretModeSha = 0x1000;

struct FinishEngine {
  void operator()(ENGINE* engine) const {
    ENGINE_finish(engine);  // The reference of ENGINE_init.
    ENGINE_free(engine);    // That of ENGINE_by_id.
  }
};

using Engine = std::unique_ptr<ENGINE, FinishEngine>;

Error failure(const TlsSettings& settings, const char* what) {
  return Error{
      fmt::format("Error: Unable to {} engine \"{}\". Check tls_engine.\n"
                  "Error: OpenSSL says: {}.",
                  what, settings.engine, take_openssl_reason())};
}

Result<Engine> open_engine(const TlsSettings& settings) {
  ENGINE_load_builtin_engines();
  ENGINE* found = ENGINE_by_id(settings.engine.c_str());
  if (found == nullptr) return failure(settings, "load");
  if (ENGINE_init(found) != 1) {
    Error error = failure(settings, "initialise");
    ENGINE_free(found);
    return error;
  }
  return Engine(found);
}

Result<void> give_pin(ENGINE* engine, const TlsSettings& settings) {
  const std::unique_ptr<unsigned char, void (*)(unsigned char*)> hash(
      OPENSSL_hexstr2buf(settings.engine_pin_sha1.c_str(), nullptr),
      [](unsigned char* bytes) { OPENSSL_free(bytes); });
  if (hash == nullptr ||
      ENGINE_ctrl_cmd(engine, "SECRET_MODE", kSecretModeSha, nullptr, nullptr, 0) != 1 ||
      ENGINE_ctrl_cmd(engine, "PIN", 0, hash.get(), nullptr, 0) != 1) {
    return failure(settings, "give tls_engine_kpass_sha1 to");
  }
  return {};
}

}  // namespace

Result<void> use_engine(const TlsSettings& settings) {
  const Result<Engine> engine = open_engine(settings);
  if (!engine) return engine.error();
  if (ENGINE_set_default(engine->get(), ENGINE_METHOD_ALL) != 1) return failure(settings, "use");
  return {};
}

Result<PrivateKey> load_engine_key(const TlsSettings& settings, PassphraseQuestion& question) {
  const Result<Engine> engine = open_engine(settings);
  if (!engine) return engine.error();
  if (!settings.engine_pin_sha1.empty()) {
    Result<void> given = give_pin(engine->get(), settings);
    if (!given) return given.error();
  }
  const std::unique_ptr<UI_METHOD, decltype(&UI_destroy_method)> method(
      UI_UTIL_wrap_read_pem_callback(&PassphraseQuestion::ask, 0), &UI_destroy_method);
  // The key keeps its engine.
  return PrivateKey(
      ENGINE_load_private_key(engine->get(), settings.keyfile.c_str(), method.get(), &question));
}

}  // namespace tombo::net
