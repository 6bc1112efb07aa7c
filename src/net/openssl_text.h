#pragma once

#include <optional>
#include <string>

struct x509_st;

namespace tombo::net {

/// Why the last call of OpenSSL in this thread failed, and forgets it. The first of several
/// reasons: the others say where it was noticed.
std::string take_openssl_reason();

/// The subject of a certificate in the order of RFC 2253: "CN=a,OU=b,O=c". Other characters than
/// printable ASCII are escaped.
std::string subject_of(const x509_st& certificate);

/// The CN of the subject as it stands there; nullopt: there is none, or it is empty or has a NUL in
/// it, which would let "admin\0.evil.org" pass for "admin".
std::optional<std::string> common_name_of(const x509_st& certificate);

}  // namespace tombo::net
