#include "client/stream.h"

#include <utility>

#include "client/socket_stream.h"
#include "client/tls_stream.h"
#include "client/waiting.h"
#include "client/web_stream.h"

namespace tombo::client {

Opened open_stream(const Target& target, std::chrono::milliseconds patience, int cancel) {
  const Patience all(patience, cancel);
  Opened opened = open_socket(target, all);
  if (opened.stream && target.tls) opened = open_tls(std::move(opened.stream), target, all);
  if (opened.stream && target.web_socket) {
    opened = open_web_socket(std::move(opened.stream), target, all);
  }
  return opened;
}

}  // namespace tombo::client
