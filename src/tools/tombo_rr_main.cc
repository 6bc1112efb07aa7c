#include "tools/client_program.h"
#include "tools/requester.h"

// tombo_rr asks and waits for the answer; mosquitto_rr is what Mosquitto calls it.
int main(int argc, char** argv) {
  return tombo::tools::run_client(
      tombo::tools::ClientTool::rr, {argv, static_cast<size_t>(argc)},
      "tombo_rr publishes a request to an MQTT broker, prints the answer and leaves.\n\n"
      "  tombo_rr -t plant/ask -e plant/answer/me -m 'how warm is it?' -W 5\n\n",
      &tombo::tools::run_requester);
}
