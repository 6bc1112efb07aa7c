#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "sim/plan.h"

namespace tombo::sim {

/// Runs a world in a process of its own, with a limit of time, so that a broker that aborts is a
/// failure like others. Empty, or what was wrong.
std::string run_apart(const Plan& plan);

/// Leaves events out of a failing plan for as long as it fails in the same way (Zeller's ddmin).
/// `progress` sees how many are left.
Plan minimise(Plan plan, const std::function<void(size_t events)>& progress);

}  // namespace tombo::sim
