#pragma once

#include <string_view>

namespace tombo {

/// Prints condition, text and place to standard error and aborts.  Called by the macros below.
[[noreturn]] void check_failed(const char* file, int line, const char* condition,
                               std::string_view text = {}) noexcept;

}  // namespace tombo

/// CHECK(condition) or CHECK(condition, text): our own bug ends the process, in every build.
/// `text` is anything a std::string_view is made of; it is evaluated only when the check fails.
#define CHECK(...) TOMBO_CHECK_PICK(__VA_ARGS__, TOMBO_CHECK_2, TOMBO_CHECK_1, unused)(__VA_ARGS__)

/// As CHECK where TOMBO_DEBUG is defined; elsewhere compiled but never evaluated.
#ifdef TOMBO_DEBUG
#define DCHECK(...) CHECK(__VA_ARGS__)
#else
#define DCHECK(...) (true ? static_cast<void>(0) : CHECK(__VA_ARGS__))
#endif

/// Marks a place that no input can reach, such as the end of an exhaustive switch.
#define UNREACHABLE() ::tombo::check_failed(__FILE__, __LINE__, "unreachable")

// The number of arguments picks the macro (clang 14 warns of an empty `...` even in C++20).
#define TOMBO_CHECK_PICK(a, b, macro, ...) macro
#define TOMBO_CHECK_1(condition) TOMBO_CHECK_2(condition, "")
#define TOMBO_CHECK_2(condition, text) \
  ((condition) ? static_cast<void>(0) : ::tombo::check_failed(__FILE__, __LINE__, #condition, text))
