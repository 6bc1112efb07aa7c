#pragma once

#include <optional>
#include <string>
#include <string_view>

struct x509_st;

namespace tombo::net {

/// Why the last call of OpenSSL in this thread failed, and forgets it. The first of several
/// reasons: the others say where it was noticed. OpenSSL's words, and what they mean here where
/// those alone do not tell whoever runs the broker what to look at.
std::string take_openssl_reason();

/// Has the last call failed because what the peer has sent is not encrypted with our key?
bool openssl_could_not_decrypt();

/// Why a certificate was not accepted; `error` is one of X509_V_ERR_*.
std::string verify_error_text(int error);

/// Text of a client's for the log: printable ASCII, and ? for anything else.
std::string printable(std::string_view text);

/// The subject of a certificate in the order of RFC 2253: "CN=a,OU=b,O=c". Other characters than
/// printable ASCII are escaped.
std::string subject_of(const x509_st& certificate);

/// The CN of the subject as it stands there; nullopt: there is none, or it is empty or has a NUL in
/// it, which would let "admin\0.evil.org" pass for "admin".
std::optional<std::string> common_name_of(const x509_st& certificate);

}  // namespace tombo::net
