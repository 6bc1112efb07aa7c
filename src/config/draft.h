#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log.h"
#include "config/config.h"

namespace tombo::config {

/// A line for the log that came up while the configuration was read.
struct Notice {
  LogType type;
  std::string text;

  bool operator==(const Notice&) const = default;
};

/// The configuration while files are being read: what setters write to.
/// Lives for one run of the parser.  Bound: the size of the files read.
class Draft {
 public:
  explicit Draft(Compatibility generation);

  /// The global options. Its listeners are empty until finish().
  Config config;
  /// What the file says; config.compatibility is what its defaults were made for.
  std::optional<Compatibility> compatibility;
  /// What options before any `listener` apply to; takes part only once it is opened.
  ListenerConfig default_listener;
  bool log_dest_given = false;
  bool log_type_given = false;
  /// per_listener_settings has to come before the options that it splits.
  bool security_option_given = false;
  std::vector<Notice> notices;

  void note(LogType type, std::string text) { notices.push_back({type, std::move(text)}); }

  /// Where the option stands that is being read: "FILE:LINE".
  void set_place(std::string place) { place_ = std::move(place); }

  [[nodiscard]] const std::string& place() const { return place_; }

  /// A `listener` line.
  void begin_listener(ListenerConfig listener);
  /// An included file starts without a current listener, and its own does not outlive it.
  std::optional<std::size_t> swap_current(std::optional<std::size_t> current);

  [[nodiscard]] bool in_listener() const { return current_.has_value(); }

  /// The current listener, or the default one before any `listener`.
  [[nodiscard]] ListenerConfig& listener();

  /// `port` and `bind_address` open the default listener.
  void open_default_listener();
  /// Opens it for an option that belongs to a listener, and says so once.
  void open_default_listener_for(std::string_view option);

  /// Notes that an option is given that may stand once; false when it was given before.
  bool first_time(std::string_view option);
  /// The same for one that may stand once for each listener.
  bool first_time_in_listener(std::string_view option);

  /// Closes the list of listeners: the default one last; `ports` of the command line, or 1883, on
  /// loopback when there is none. Fails with the second of two equal listeners, or with one whose
  /// TLS options do not go together.
  struct Fault {
    std::string text;
    std::string place;  ///< Empty: the command line.
  };

  std::optional<Fault> finish(const std::vector<uint16_t>& ports);

 private:
  void add_local_listeners(const std::vector<uint16_t>& ports);
  [[nodiscard]] std::optional<Fault> find_duplicate() const;
  [[nodiscard]] std::optional<Fault> find_fault() const;

  std::string place_;
  std::vector<std::string> places_;           // Of each listener.
  std::optional<std::size_t> current_;        // The listener whose scope is open.
  std::optional<std::string> default_place_;  // Where the default listener was opened.
  std::set<std::string> given_;
  std::set<std::pair<std::string, std::optional<std::size_t>>> given_in_listener_;
};

}  // namespace tombo::config
