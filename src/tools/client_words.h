#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tombo/error.h"
#include "tombo/machine.h"
#include "tools/client_options.h"

/// What the clients of the command line say, in the words of Mosquitto's.
namespace tombo::tools {

/// "Not authorized".
std::string reason_text(uint8_t reason);

/// Of an attempt to connect that came to nothing.
std::string connect_failure(const client::Error& error);

/// Lines about a connection that ended, and the exit status that goes with it.
struct Ending {
  int status = 0;
  std::string text;  ///< ends with a newline, or is empty
};

Ending ending_of(const client::Error& error, client::Version version);

/// Of `-d`: "Client me sending PINGREQ".
std::string trace_line(const client::PacketTrace& packet, std::string_view client_id);

}  // namespace tombo::tools
