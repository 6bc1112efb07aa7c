#pragma once

#include <string>
#include <string_view>

#include "tools/client_options.h"

namespace tombo::tools {

/// Option -L: `mqtt(s)://[user[:password]@]host[:port]/topic`, also ws and wss. Gives what is
/// wrong; empty: nothing.
std::string apply_url(ClientOptions& options, std::string_view url);

/// Option --proxy: `socks5h://[user[:password]@]host[:port]`.
std::string apply_proxy(ClientOptions& options, std::string_view url);

}  // namespace tombo::tools
