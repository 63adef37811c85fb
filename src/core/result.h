// Result<T>: a value, or an Error that says what went wrong with outside data (files, network, flags).
// Never thrown, never ignored: every function that reads or writes outside data returns one.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>

namespace lathe {

struct Error {
  std::string message;   // what is wrong and, where known, what to do about it
  std::string path;      // file or key, empty if none
  int64_t offset = -1;   // byte offset (or line for text, named so in the message); -1 if none

  // "path at byte N: message"
  std::string to_string() const;
};

// An Error from printable parts: error_at(path, offset, "expected ", 4, " bytes").
template <class... Parts>
Error error_at(std::string path, int64_t offset, const Parts&... parts);
template <class... Parts>
Error error(const Parts&... parts);

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // Calling value() on an error is a broken invariant: it stops with the error's text.
  T& value() & { return *checked(); }
  const T& value() const& { return *const_cast<Result*>(this)->checked(); }
  T&& value() && { return std::move(*checked()); }
  const Error& error() const { return std::get<1>(state_); }

 private:
  T* checked();
  std::variant<T, Error> state_;
};

// Result<void>.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error) : failed_(true), error_(std::move(error)) {}
  bool ok() const { return !failed_; }
  explicit operator bool() const { return ok(); }
  const Error& error() const { return error_; }

 private:
  bool failed_ = false;
  Error error_;
};

namespace internal {
[[noreturn]] void value_of_error(const Error& error);
}

template <class T>
T* Result<T>::checked() {
  if (!ok()) internal::value_of_error(std::get<1>(state_));
  return &std::get<0>(state_);
}

}  // namespace lathe

#define LATHE_CONCAT_INNER(a, b) a##b
#define LATHE_CONCAT(a, b) LATHE_CONCAT_INNER(a, b)

// LATHE_TRY(auto bytes, read_file(path));  returns the error from the enclosing function.
#define LATHE_TRY(declaration, expression) \
  LATHE_TRY_IMPL(LATHE_CONCAT(lathe_try_, __LINE__), declaration, expression)
#define LATHE_TRY_IMPL(temporary, declaration, expression) \
  auto temporary = (expression);                           \
  if (!temporary.ok()) return temporary.error();           \
  declaration = std::move(temporary).value()

// LATHE_TRY_STATUS(write_file(path, bytes));
#define LATHE_TRY_STATUS(expression)                                        \
  do {                                                                      \
    if (auto lathe_status = (expression); !lathe_status.ok())               \
      return lathe_status.error();                                          \
  } while (false)

#include "core/text.h"

namespace lathe {
template <class... Parts>
Error error_at(std::string path, int64_t offset, const Parts&... parts) {
  return Error{join_text(parts...), std::move(path), offset};
}
template <class... Parts>
Error error(const Parts&... parts) {
  return Error{join_text(parts...), {}, -1};
}
}  // namespace lathe
