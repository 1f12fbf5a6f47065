// The one exception of native code. guard() in addon/ turns it into the public JavaScript class of the same code.
#pragma once

#include <exception>
#include <string>
#include <utility>

namespace receptive {

// Rows: name here, `code` of the JavaScript class.
#define RECEPTIVE_ERRORS(X)         \
  X(general, "ERR_RECEPTIVE")       \
  X(argument, "ERR_ARGUMENT")       \
  X(shape, "ERR_SHAPE")             \
  X(dtype, "ERR_DTYPE")             \
  X(device, "ERR_DEVICE")           \
  X(disposed, "ERR_DISPOSED")       \
  X(memory, "ERR_OUT_OF_MEMORY")    \
  X(deviceLost, "ERR_DEVICE_LOST")  \
  X(unsupported, "ERR_UNSUPPORTED") \
  X(index, "ERR_INDEX")             \
  X(communication, "ERR_COMMUNICATION")

enum class ErrorCode {
#define RECEPTIVE_ERROR_NAME(name, code) name,
  RECEPTIVE_ERRORS(RECEPTIVE_ERROR_NAME)
#undef RECEPTIVE_ERROR_NAME
};

inline const char* code_text(ErrorCode code) {
  switch (code) {
#define RECEPTIVE_ERROR_CASE(name, text) \
  case ErrorCode::name:                  \
    return text;
    RECEPTIVE_ERRORS(RECEPTIVE_ERROR_CASE)
#undef RECEPTIVE_ERROR_CASE
  }
  return "ERR_RECEPTIVE";
}

class Error : public std::exception {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  ErrorCode code_;
  std::string message_;
};

// Joins numbers and text into a message: text_of("rank ", rank, " is above ", kMaxRank).
inline std::string to_text(const char* text) { return text; }
inline std::string to_text(const std::string& text) { return text; }
template <class Number>
std::string to_text(Number number) {
  return std::to_string(number);
}
template <class... Parts>
std::string text_of(const Parts&... parts) {
  std::string text;
  ((text += to_text(parts)), ...);
  return text;
}

}  // namespace receptive
