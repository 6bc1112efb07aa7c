#include <algorithm>
#include <string>

#include "base/check.h"
#include "fuzz/input.h"
#include "net/proxy_protocol.h"

/// PROXY headers: the answer does not depend on how the bytes come, and what is told of the client
/// may stand in a log. Input: a byte with the version, the bytes of a connection.
namespace tombo::fuzz {
namespace {

using net::ProxyParse;
using Status = ProxyParse::Status;

void check_complete(const ProxyParse& parsed, Bytes bytes, net::ProxyVersion version) {
  const size_t most =
      version == net::ProxyVersion::v1 ? net::kProxyV1BytesMax : net::kProxyV2BytesMax;
  CHECK(parsed.size > 0 && parsed.size <= std::min(most, bytes.size()));
  CHECK(net::parse_proxy_header(bytes.first(parsed.size), version).status == Status::complete);
  CHECK(net::parse_proxy_header(bytes.first(parsed.size - 1), version).status ==
        Status::incomplete);
  CHECK(std::ranges::all_of(parsed.header.address, [](char c) { return c > ' ' && c < '\x7F'; }));
  CHECK(!parsed.header.is_verified || parsed.header.has_tls);
}

}  // namespace

void run(Bytes input) {
  Input rest(input.data(), input.size());
  const auto version = rest.u8() % 2 == 0 ? net::ProxyVersion::v1 : net::ProxyVersion::v2;
  const Bytes bytes = rest.rest();
  const ProxyParse parsed = net::parse_proxy_header(bytes, version);
  CHECK((parsed.status == Status::bad) == !parsed.fault.empty());
  if (parsed.status == Status::complete) check_complete(parsed, bytes, version);
  if (parsed.status != Status::incomplete) return;
  // All of it belongs to the header, which has room for more.
  CHECK(bytes.size() < net::kProxyV2BytesMax);
}

}  // namespace tombo::fuzz

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tombo::fuzz::run({data, size});
  return 0;
}
