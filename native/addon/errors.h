// Native errors become instances of the public JavaScript classes.
#pragma once

#include <napi.h>

#include <exception>
#include <map>
#include <string>

#include "../core/error.h"
#include "../core/failure.h"

namespace receptive {

// Thrown after a Node-API call has left an exception pending: nothing is to be added to it.
struct PendingException {};

// The classes by code, as setErrorClasses() gave them; plain Error without.
class ErrorClasses {
 public:
  void set(const Napi::Object& classes);
  Napi::Value make(Napi::Env env, ErrorCode code, const std::string& message) const;
  Napi::Value make(Napi::Env env, const Failure& failure) const { return make(env, failure.code, failure.message); }

 private:
  std::map<std::string, Napi::FunctionReference> classes_;
};

// Leaves a JavaScript exception for the C++ exception that is being handled.
void throw_current(napi_env env, const ErrorClasses& classes) noexcept;

// Every function that JavaScript calls runs in here.
template <class F>
napi_value guard(napi_env env, const ErrorClasses& classes, F&& body) noexcept {
  try {
    return body();
  } catch (...) {
    throw_current(env, classes);
    return nullptr;
  }
}

}  // namespace receptive
