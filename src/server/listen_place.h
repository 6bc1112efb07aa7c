#pragma once

#include "config/config.h"
#include "net/endpoint.h"

namespace tombo::server {

/// Where a listener is to listen.
net::ListenPlace place_of(const config::ListenerConfig& listener);

}  // namespace tombo::server
