#include "net/ocsp_staple.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/core.h>
#include <openssl/ocsp.h>
#include <openssl/ssl.h>
#include <openssl/tls1.h>

namespace tombo::net {
namespace {

using Response = std::unique_ptr<OCSP_RESPONSE, decltype(&OCSP_RESPONSE_free)>;
using Basic = std::unique_ptr<OCSP_BASICRESP, decltype(&OCSP_BASICRESP_free)>;

/// How far the clocks of the authority and of this machine may be apart.
constexpr long kClockSkewS = 300;

Error fault(const std::string& path, std::string_view why) {
  return Error{
      fmt::format("Error: Unable to use OCSP response \"{}\". Check ocsp_file.\n"
                  "Error: {}.",
                  path, why)};
}

Result<std::vector<uint8_t>> read_file(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::vector<uint8_t> bytes(OcspStaple::kBytesMax + 1);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!file.is_open() || file.bad()) return fault(path, std::strerror(errno));
  bytes.resize(static_cast<size_t>(file.gcount()));
  if (bytes.size() > OcspStaple::kBytesMax) {
    return fault(path, fmt::format("It is larger than {} bytes", OcspStaple::kBytesMax));
  }
  return bytes;
}

/// Is the question that was answered about this certificate? By serial number and the hash of the
/// issuer's name: the issuer's own certificate need not be there.
bool is_about(const OCSP_SINGLERESP& single, const X509& certificate) {
  ASN1_OBJECT* digest_name = nullptr;
  ASN1_OCTET_STRING* name_hash = nullptr;
  ASN1_INTEGER* serial = nullptr;
  // It hands out pointers into the id, which it does not change.
  auto* id = const_cast<OCSP_CERTID*>(OCSP_SINGLERESP_get0_id(&single));
  if (OCSP_id_get0_info(&name_hash, &digest_name, nullptr, &serial, id) != 1) return false;
  if (ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(&certificate)) != 0) return false;
  const EVP_MD* digest = EVP_get_digestbyobj(digest_name);
  std::array<unsigned char, EVP_MAX_MD_SIZE> expected{};
  unsigned size = 0;
  if (digest == nullptr ||
      X509_NAME_digest(X509_get_issuer_name(&certificate), digest, expected.data(), &size) != 1) {
    return false;
  }
  return static_cast<int>(size) == ASN1_STRING_length(name_hash) &&
         std::memcmp(ASN1_STRING_get0_data(name_hash), expected.data(), size) == 0;
}

OCSP_SINGLERESP* find_answer(OCSP_BASICRESP& basic, const X509& certificate) {
  for (int i = 0; i < OCSP_resp_count(&basic); ++i) {
    OCSP_SINGLERESP* single = OCSP_resp_get0(&basic, i);
    if (is_about(*single, certificate)) return single;
  }
  return nullptr;
}

struct Answer {
  int status = V_OCSP_CERTSTATUS_UNKNOWN;
  ASN1_GENERALIZEDTIME* from = nullptr;
  ASN1_GENERALIZEDTIME* to = nullptr;  ///< Null: until there is a newer one.
};

/// Why this answer is of no use to clients; empty: it is.
std::string_view uselessness_of(const Answer& answer) {
  if (answer.status == V_OCSP_CERTSTATUS_REVOKED) return "says that the certificate is revoked";
  if (answer.status != V_OCSP_CERTSTATUS_GOOD) return "does not know the certificate";
  if (OCSP_check_validity(answer.from, answer.to, kClockSkewS, -1) != 1) {
    return "is not valid now (it has expired, or the clock is wrong)";
  }
  return {};
}

std::optional<std::time_t> seconds_of(const ASN1_GENERALIZEDTIME* time) {
  std::tm fields{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &fields) != 1) return std::nullopt;
  return ::timegm(&fields);
}

}  // namespace

Result<OcspStaple> OcspStaple::load(const std::string& path, ssl_ctx_st& context) {
  Result<std::vector<uint8_t>> bytes = read_file(path);
  if (!bytes) return bytes.error();
  const unsigned char* next = bytes->data();
  const Response response(d2i_OCSP_RESPONSE(nullptr, &next, static_cast<long>(bytes->size())),
                          &OCSP_RESPONSE_free);
  if (response == nullptr) return fault(path, "It is no OCSP response in DER");
  const int status = OCSP_response_status(response.get());
  if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
    return fault(
        path, fmt::format("The authority has not answered: {}", OCSP_response_status_str(status)));
  }
  const Basic basic(OCSP_response_get1_basic(response.get()), &OCSP_BASICRESP_free);
  const X509* certificate = SSL_CTX_get0_certificate(&context);
  OCSP_SINGLERESP* single =
      basic == nullptr || certificate == nullptr ? nullptr : find_answer(*basic, *certificate);
  if (single == nullptr) return fault(path, "It is not about the certificate in certfile");
  Answer answer;
  answer.status = OCSP_single_get0_status(single, nullptr, nullptr, &answer.from, &answer.to);
  OcspStaple staple;
  const std::string_view useless = uselessness_of(answer);
  if (!useless.empty()) {
    staple.warning_ = fmt::format("Warning: The OCSP response \"{}\" {}: clients are not sent it.",
                                  path, useless);
    return staple;
  }
  staple.ends_at_ = seconds_of(answer.to).value_or(staple.ends_at_);
  staple.response_ = std::move(*bytes);
  return staple;
}

bool OcspStaple::give_to(ssl_st& connection) const {
  if (response_.empty() || std::time(nullptr) > ends_at_) return false;
  // OpenSSL frees it with the connection.
  void* copy = OPENSSL_memdup(response_.data(), response_.size());
  if (copy == nullptr) return false;
  SSL_set_tlsext_status_ocsp_resp(&connection, copy, static_cast<long>(response_.size()));
  return true;
}

}  // namespace tombo::net
