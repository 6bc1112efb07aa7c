#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/check.h"

namespace tombo {

/// Why an operation on the environment (file, socket, configuration) failed, told to a person.
struct Error {
  /// One line without a full stop, such as "cannot open: No such file or directory".
  std::string text;
  /// Exit status of the process when this error ends it.
  int code = 1;

  /// The same error as seen from one level further out: "`what` `name`: text".
  /// Example: error.with("config file", "/etc/a.conf") → "config file /etc/a.conf: cannot open".
  [[nodiscard]] Error with(std::string_view what, std::string_view name) const;
};

/// Aborts with the text of the error.  Called when a value is asked for that is not there.
[[noreturn]] void result_without_value(const Error* error) noexcept;

template <class T>
class Result;

/// What a Result<T> is made of implicitly, besides an Error.
template <class U, class T>
concept ResultValueOf =
    std::convertible_to<U, T> && !std::same_as<std::remove_cvref_t<U>, Result<T>> &&
    !std::same_as<std::remove_cvref_t<U>, Error>;

/// A value or an Error; the part of std::expected<T, Error> that the project uses.
///   Result<int> parse(std::string_view text);
///   Result<int> port = parse("1883");
///   if (!port) return port.error().with("option", "port");
///   listen(*port);
template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  template <ResultValueOf<T> U = T>
  // NOLINTNEXTLINE(bugprone-forwarding-reference-overload): ResultValueOf leaves out a Result.
  Result(U&& value)  // NOLINT(google-explicit-constructor): `return value;` is the point.
      : state_(std::in_place_index<0>, std::forward<U>(value)) {}

  Result(Error error)  // NOLINT(google-explicit-constructor): `return error;` is the point.
      : state_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }

  explicit operator bool() const noexcept { return has_value(); }

  /// Aborts when there is no value.
  [[nodiscard]] T& value() & {
    if (!has_value()) result_without_value(std::get_if<1>(&state_));
    return *std::get_if<0>(&state_);
  }

  [[nodiscard]] const T& value() const& {
    if (!has_value()) result_without_value(std::get_if<1>(&state_));
    return *std::get_if<0>(&state_);
  }

  [[nodiscard]] T&& value() && { return std::move(value()); }

  [[nodiscard]] T& operator*() & { return value(); }

  [[nodiscard]] const T& operator*() const& { return value(); }

  [[nodiscard]] T&& operator*() && { return std::move(value()); }

  [[nodiscard]] T* operator->() { return &value(); }

  [[nodiscard]] const T* operator->() const { return &value(); }

  /// Aborts when there is a value.
  [[nodiscard]] Error& error() & {
    CHECK(!has_value());
    return *std::get_if<1>(&state_);
  }

  [[nodiscard]] const Error& error() const& {
    CHECK(!has_value());
    return *std::get_if<1>(&state_);
  }

  [[nodiscard]] Error&& error() && { return std::move(error()); }

 private:
  std::variant<T, Error> state_;
};

/// Success, or an Error.  Default constructed it is success: `return {};`.
template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;

  Result() = default;

  Result(Error error)  // NOLINT(google-explicit-constructor): `return error;` is the point.
      : error_(std::move(error)), ok_(false) {}

  [[nodiscard]] bool has_value() const noexcept { return ok_; }

  explicit operator bool() const noexcept { return ok_; }

  /// Aborts when there is an error.
  void value() const { CHECK(ok_, error_.text); }

  void operator*() const { value(); }

  /// Aborts when there is none.
  [[nodiscard]] const Error& error() const& {
    CHECK(!ok_);
    return error_;
  }

  [[nodiscard]] Error&& error() && {
    CHECK(!ok_);
    return std::move(error_);
  }

 private:
  Error error_;
  bool ok_ = true;
};

}  // namespace tombo
