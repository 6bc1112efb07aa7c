#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace tombo::config {

/// A place where tombo does not do as Mosquitto does, on purpose: the standard or the safety of its
/// users comes first. For the documents and for --check-migration.
struct Departure {
  enum class When : uint8_t { always, if_used, unless_used };

  std::string_view what;
  std::string_view mosquitto;
  std::string_view tombo;
  When when = When::always;
  std::string_view option = {};  ///< That `when` is about.
};

std::span<const Departure> departures();

}  // namespace tombo::config
