#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "config/config.h"
#include "config/draft.h"

// TLS options with words of their own, and what they ask of each other.
namespace tombo::config {

Result<void> set_tls_version(Draft& draft, std::string_view option, std::string_view rest);
Result<void> set_tls_keyform(Draft& draft, std::string_view option, std::string_view rest);
Result<void> set_tls_engine_kpass_sha1(Draft& draft, std::string_view option,
                                       std::string_view rest);

/// What is missing or too much among the TLS options of a listener, in a line for the log; nullopt:
/// they make sense together. A listener that was meant to be safe must not open without TLS.
std::optional<std::string> find_tls_fault(const Config& config, const ListenerConfig& listener);

}  // namespace tombo::config
