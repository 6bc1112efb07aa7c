#include "server/admission.h"

#include "base/check.h"

namespace tombo::server {

Admission::Admission(const config::Config& config, uint64_t seed)
    : listeners_(std::make_unique<Places[]>(config::kListenersMax)), guard_(seed) {
  set_limits(config);
}

void Admission::set_limits(const config::Config& config) {
  CHECK(config.listeners.size() <= config::kListenersMax);
  connections_.set_limit(config.global_max_connections);
  sessions_.set_limit(config.global_max_clients);
  for (size_t i = 0; i < config.listeners.size(); ++i) {
    const int64_t limit = config.listeners[i].max_connections;
    // As in Mosquitto 0 is no limit either.
    listeners_[i].set_limit(limit == 0 ? -1 : limit);
  }
}

Places& Admission::listener(size_t index) {
  DCHECK(index < config::kListenersMax);
  return listeners_[index];
}

}  // namespace tombo::server
