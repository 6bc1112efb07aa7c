#include "config/departures.h"

namespace tombo::config {
namespace {

using When = Departure::When;

constexpr Departure kDepartures[] = {
    {"keepalive", "checked every 5 s in 2.0", "exact: 1.5 times, within 100 ms"},
    {"a v5 client that exceeds the receive maximum", "taken (a warning in 2.1)", "DISCONNECT 0x93"},
    {"PUBLISH from a client with a Subscription Identifier", "taken in 2.0", "DISCONNECT 0x82"},
    {"PUBREL with an unknown packet id (v5)", "PUBCOMP 0x00", "PUBCOMP 0x92"},
    {"`+` or `#` in the name of a share", "taken in 2.0", "refused, 0x82"},
    {"payload over message_size_limit (v5)", "reason 0x95, which PUBACK does not know", "0x97",
     When::if_used, "message_size_limit"},
    {"stop with v5 clients connected", "closes", "DISCONNECT 0x8B"},
    {"options that SIGHUP ignores although documented", "13", "all documented ones apply"},
    {"small messages on a fast network (`set_tcp_nodelay`)",
     "false: one may wait 40 ms for the acknowledgement of the one before", "true",
     When::unless_used, "set_tcp_nodelay"},
    {"an acl_file with an error on SIGHUP", "2.0.11 then allows everything, 2.1 ends",
     "the old rules stay", When::if_used, "acl_file"},
    {"`ACL denying access to client with dangerous ...` in the log", "for every message",
     "once a session", When::if_used, "acl_file"},
    {"`mosquitto_passwd`, a file with comments or lines that it cannot read",
     "all behind the first of them is lost", "they are told and stay", When::if_used,
     "password_file"},
    {"`mosquitto_passwd -U`",
     "hashes hashed passwords once more, takes a password up to its first `:`",
     "leaves them, takes all of it", When::if_used, "password_file"},
    {"`mosquitto_passwd`, empty user names and those with `#` in front",
     "taken, no broker reads them", "refused", When::if_used, "password_file"},
    {"symbolic links to keys and ACL files (certbot makes some)",
     "refused in 2.1 unless MOSQUITTO_UNSAFE_ALLOW_SYMLINKS is set", "followed"},
    {"retained messages for a new subscriber", "all at once, cut off at max_queued_messages",
     "in pages, as the client takes them"},
};

}  // namespace

std::span<const Departure> departures() {
  return kDepartures;
}

}  // namespace tombo::config
