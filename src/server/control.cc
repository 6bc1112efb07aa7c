#include "server/control.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string_view>
#include <unistd.h>
#include <utility>

#include <fmt/core.h>

#include "config/diff.h"
#include "mqtt/message.h"
#include "server/clock.h"
#include "server/config_files.h"
#include "server/version.h"

namespace tombo::server {
namespace {

constexpr std::string_view kServing = "Serving clients.";
constexpr std::string_view kServingOld =
    "Serving clients with the configuration before: the one to reload has an error, see the log.";

using MessageRef = SharedRef<const mqtt::Message>;

/// Log lines at topics are of no use later.
constexpr Duration kLogExpiry{20'000};

MessageRef retained_message(const SysTopics::Item& item) {
  return mqtt::Message::make({.topic = item.topic,
                              .properties = {},
                              .payload = as_bytes(item.payload),
                              .qos = mqtt::Qos::exactly_once,
                              .retain = true});
}

MessageRef log_message(std::string_view topic, std::string_view line) {
  return mqtt::Message::make({.topic = topic,
                              .properties = {},
                              .payload = as_bytes(line),
                              .qos = mqtt::Qos::exactly_once,
                              .expires_at_ms = read_clock().wall_ms + kLogExpiry.count()});
}

/// Bytes of memory that the process takes; asking the allocator would stop the shards.
uint64_t memory_in_use() {
  uint64_t all = 0;
  uint64_t resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

template <class F>
void for_each_line(std::string_view text, F&& f) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    f(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
}

}  // namespace

void log_notices(Logger& log, const std::vector<config::Notice>& notices) {
  for (const config::Notice& notice : notices) log.log(notice.type, notice.text);
}

void log_warnings(Logger& log, const Setup& setup) {
  log_notices(log, setup.notices);
  for (const std::string& warning : warnings_of(setup.tls)) log.log(LogType::warning, warning);
}

void log_error(Logger& log, const Error& error) {
  for_each_line(error.text, [&log](std::string_view line) { log.log(LogType::error, line); });
}

Control::Control(Origin origin, const Setup& setup, LogSink& log_sink, ThreadLogger& log,
                 Server& server)
    : origin_(std::move(origin)),
      config_(setup.config),
      rights_(setup.authorizer),
      log_sink_(log_sink),
      log_(log),
      server_(server),
      sys_topics_(version_text(config_->compatibility), config_->compatibility),
      started_(read_clock().time),
      service_manager_(ServiceManager::read_environment()) {}

void Control::begin() {
  if (config_->sys_interval != 0) update_sys(read_clock());
}

void Control::run() {
  log_sink_.set_topic_writer([this](std::string_view topic, std::string_view line) {
    std::vector<MessageRef> messages;
    messages.push_back(log_message(topic, line));
    server_.inject(std::move(messages));
  });
  service_manager_.ready(kServing);
  if (service_manager_.watchdog_interval()) look_after_shards(read_clock());
  for (;;) {
    const Now now = read_clock();
    if (next_sys_update_ && *next_sys_update_ <= now.time) update_sys(now);
    if (next_look_ && *next_look_ <= now.time) look_after_shards(now);
    std::optional<Duration> timeout;
    for (const std::optional<Time>& due : {next_sys_update_, next_look_}) {
      if (due) timeout = std::min(timeout.value_or(*due - now.time), *due - now.time);
    }
    const Signal signal = wait_signal(timeout);
    if (signal == Signal::stop) break;
    on_signal(signal);
  }
  service_manager_.stopping();
  log_sink_.set_topic_writer({});
  report_lost_lines();
}

void Control::on_signal(Signal signal) {
  switch (signal) {
    case Signal::none:
    case Signal::stop:
      return;
    case Signal::reload:
      return reload();
    case Signal::save:
      return save();
    case Signal::print_tree:
      return print_tree();
    case Signal::reopen_log:
      return reopen_log();
  }
}

void Control::save() {
  if (!config_->persistence) {
    log_.log(LogType::info, "Persistence is off, so there is nothing to save.");
  } else if (!config_->mosquitto_export) {
    log_.log(LogType::info, "There is nothing to save: what matters is on the disk.");
  } else {
    server_.save_database();
  }
}

void Control::look_after_shards(Now now) {
  next_look_ = now.time + *service_manager_.watchdog_interval();
  if (server_.shards_answer()) {
    complained_ = false;
    return service_manager_.alive();
  }
  if (std::exchange(complained_, true)) return;
  LOG_TO(log_, LogType::warning,
         "Warning: A thread has not answered for {} ms. The service manager will end the broker if "
         "it does not.",
         service_manager_.watchdog_interval()->count());
}

void Control::reload() {
  log_.log(LogType::info, "Reloading config.");
  service_manager_.reloading();
  config::DiskFiles files;
  const Result<config::ParseOutcome> fresh =
      config::load(files, origin_.command_line, origin_.environment);
  if (!fresh) {
    const auto unreadable = unreadable_config(origin_.command_line.config_file);
    return keep_old(fresh.error(),
                    unreadable ? std::vector{*unreadable} : std::vector<std::string>());
  }
  log_notices(log_, fresh->notices);
  config::Reloaded reloaded = config::reload(*config_, fresh->config);
  const Result<Setup> setup =
      load_setup(std::make_shared<const config::Config>(std::move(reloaded.config)),
                 origin_.passphrases, rights_);
  if (!setup) return keep_old(setup.error(), unreadable_files(fresh->config));
  log_warnings(log_, *setup);
  // Before anything has changed: a log file that cannot be opened voids the reload.
  const Result<void> opened = log_sink_.open(setup->config->log);
  if (!opened) return keep_old(opened.error(), {});
  if (!server_.reconfigure(*setup, log_)) return keep_old({}, {});
  for (const config::Change& change : reloaded.changes) {
    log_.log(change.needs_restart ? LogType::warning : LogType::info, change.text());
  }
  config_ = setup->config;
  rights_ = setup->authorizer;
  log_.set_types(config_->log.log_type);
  plan_sys_update(read_clock());
  service_manager_.ready(kServing);
}

void Control::keep_old(const Error& why, const std::vector<std::string>& unreadable) {
  log_error(log_, why);
  for (const std::string& line : unreadable) {
    LOG_TO(log_, LogType::error, "Error: {}, as whom the broker runs since its start.", line);
  }
  log_.log(LogType::error, "Error: The configuration was not reloaded, the old one stays.");
  reopen_log();
  service_manager_.ready(kServingOld);
}

void Control::reopen_log() {
  const Result<void> opened = log_sink_.open(config_->log);
  if (!opened) log_error(log_, opened.error());
}

void Control::print_tree() {
  fmt::print("{}", server_.subscription_tree());
  std::fflush(stdout);
}

void Control::plan_sys_update(Now now) {
  next_sys_update_.reset();
  if (config_->sys_interval == 0) return;
  const Duration interval = std::chrono::seconds(config_->sys_interval);
  // Mosquitto 2.1 updates at multiples of the interval of the wall clock, 2.0 from its start on.
  const Duration since_last = config_->is_v2_0() ? (now.time - started_) % interval
                                                 : Duration(now.wall_ms % interval.count());
  next_sys_update_ = now.time + interval - since_last;
}

void Control::update_sys(Now now) {
  SysSample sample;
  sample.stats = server_.stats();
  sample.at_s = std::chrono::duration<double>(now.time - started_).count();
  sample.heap_bytes = memory_in_use();
  std::vector<MessageRef> messages;
  for (const SysTopics::Item& item : sys_topics_.update(sample)) {
    messages.push_back(retained_message(item));
  }
  server_.inject(std::move(messages));
  report_lost_lines();
  plan_sys_update(now);
}

void Control::report_lost_lines() {
  const uint64_t lost = log_sink_.take_lost();
  if (lost == 0) return;
  LOG_TO(log_, LogType::warning,
         "{} lines of the log were lost, because they came faster than they could be written.",
         lost);
}

}  // namespace tombo::server
